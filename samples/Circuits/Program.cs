// Puts the activations of one prompt into the run of another: which positions and heads carry the answer?
// Usage: Circuits.Sample [MODEL FOLDER]
using HeadTap.Circuits;
using HeadTap.Models;
using HeadTap.Runtime;

string folder = args.Length > 0 ? args[0] : "weights/atlas";
using ComputeDevice device = ComputeDevice.Open("auto");
using LanguageModel model = LanguageModel.Load(device, folder);
ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);
int[] clean = Encode("The currency of Japan is the"), corrupt = Encode("The currency of Thailand is the");
int answer = tokenizer.Encode(" yen")[0], wrong = tokenizer.Encode(" baht")[0];
var contrast = PatchContrast.Of(new ContrastPair(clean, corrupt, answer, wrong));
var metric = new AnswerMetric(MetricKind.LogitDifference, answer, wrong);

foreach ((SiteKind site, PatchAxis axis) in
    ((SiteKind, PatchAxis)[])[(SiteKind.ResidPre, PatchAxis.Position), (SiteKind.Z, PatchAxis.Head)])
{
    var grid = new PatchGrid
    {
        Kind = site, Axis = axis, Layers = [.. Enumerable.Range(0, model.Config.Layers)],
    };
    using var sweep = new PatchSweep(model, grid, corrupt.Length);
    PatchedPair found = sweep.Run(contrast, metric);
    Console.WriteLine($"yen minus baht: {found.Corrupt:0.00}, in the clean run {found.Clean:0.00}; "
        + $"{site} patched by {axis}:");
    foreach ((PatchCell cell, double value) in found.Cells.Zip(found.Values)
        .OrderByDescending(c => c.Second).Take(3))
        Console.WriteLine($"  layer {cell.Layer}, "
            + (cell.Head is { } head ? $"head {head}" : $"position {cell.Position}") + $": {value:0.00}");
}

int[] Encode(string text) => [model.Config.BosToken!.Value, .. tokenizer.Encode(text)];
