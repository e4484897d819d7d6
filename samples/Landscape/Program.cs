// The loss on a line away from a model, and on a plane around it, along random directions.
// Usage: Landscape.Sample [MODEL FOLDER [SEED]]
using HeadTap.Merge;
using HeadTap.Models;
using HeadTap.Runtime;

string folder = args.Length > 0 ? args[0] : "weights/atlas";
ulong seed = args.Length > 1 ? ulong.Parse(args[1]) : 1;
int[] text = ByteBpeTokenizer.Load(folder)
    .Encode("The capital of Japan is Tokyo. One neighbour of Indonesia is East Timor.");

using ComputeDevice device = ComputeDevice.Open("auto");
using var space = new WeightSpace(device, folder);
FlatParameters model = space.Keep(), u = space.Vector("first direction of "),
    v = space.Vector("second direction of "), end = space.Vector("end of the line of ");
FilterNormal.Write(u, model, seed, 0);
FilterNormal.Write(v, model, seed, 1);
space.Set(end, (1, model), (1, u));
using var meter = new LandscapeMeter(space.Model, [text]);

Console.WriteLine("a line: loss and accuracy at model + a u");
foreach ((double alpha, LandscapeValue at) in LossLine.Run(space, model, end, meter, points: 6))
    Console.WriteLine($"{alpha:0.0}  {at.Loss:0.000}  {at.Accuracy:0 %}");

Console.WriteLine("a plane: loss at model + x u + y v, x and y from -1 to 1");
PlaneGrid grid = PlaneGrid.Around(5, range: 1);
string[] losses = [.. Enumerable.Range(0, grid.Count).Select(i =>
{
    space.MoveTo((1, model), (grid[i].X, u), (grid[i].Y, v));
    return $"{meter.Measure().Loss,8:0.000}";
})];
foreach (string[] row in losses.Chunk(5).Reverse()) // y grows upwards
    Console.WriteLine(string.Concat(row));
