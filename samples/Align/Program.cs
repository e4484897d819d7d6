// Scrambles a model by every symmetry of a decoder, looks at the line between the two, and aligns them.
// Usage: Align.Sample [MODEL FOLDER [SEED]]
using HeadTap.Merge;
using HeadTap.Models;
using HeadTap.Runtime;

string folder = args.Length > 0 ? args[0] : "weights/atlas";
ulong seed = args.Length > 1 ? ulong.Parse(args[1]) : 1;
DecoderWeights model = DecoderWeights.Read(folder), scrambled = Scrambler.Scrambled(model, seed);
ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);
int[] text = tokenizer.Encode("The capital of Japan is Tokyo. One neighbour of Indonesia is East Timor.");

using ComputeDevice device = ComputeDevice.Open("auto");
using var loss = new TextLoss(device, model.Config, [text]);
Print("scrambled", scrambled);
ModelAlignment found = ModelAlignment.Of(model, scrambled, AlignmentBy.Weights, new AlignmentOptions());
Console.WriteLine($"{found.StreamMoved:0.0 %} of the stream's channels moved");
Print("aligned", found.Aligned);

void Print(string name, DecoderWeights other)
{
    LineLosses line = LineLosses.Between(loss, model.ToFlat(), other.ToFlat(), points: 5);
    Console.WriteLine($"{name}: loss {line.Losses[^1]:0.000}, barrier {line.Height:0.000} nats");
}
