// Trains a lens for every head of one layer on a few sentences, and reads it.
// Usage: Lens.Sample [MODEL FOLDER]
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

string folder = args.Length > 0 ? args[0] : "weights/atlas";
string output = Directory.CreateTempSubdirectory("headtap-lens-").FullName;
using ComputeDevice device = ComputeDevice.Open("auto");
using LanguageModel model = LanguageModel.Load(device, folder);
ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);
string hash = ModelFolder.Hash(folder); // a lens belongs to one model
const int Layer = 1;

DocumentSource texts = DocumentSource.FromTexts(
[
    "The currency of Japan is the yen.", "The capital of Japan is Tokyo.",
    "The currency of Poland is the zloty.", "The capital of Poland is Warsaw.",
], tokenizer);
LensRunResult trained = LensRun.Run(model, hash, new LensOptions { Kind = LensKind.Thin }, [Layer],
    new LensTrainingOptions { Steps = 20, BatchRows = 4, Bos = model.Config.BosToken }, texts, output);
Console.WriteLine($"trained: {trained.Complete}");

int[] prompt = [model.Config.BosToken!.Value, .. tokenizer.Encode("The currency of Japan is the")];
LensReadings readings = LensReadings.OfPrompt(model, LensSource.Find(output, model.Config, hash),
    new LensRequest([Layer], [.. Enumerable.Range(0, model.Config.Heads)], Top: 4), prompt,
    [prompt.Length - 1]);
for (int h = 0; h < model.Config.Heads; h++)
    Console.WriteLine($"{Layer}.{h} writes " + string.Join(", ",
        readings.Learned[0].Heads[h].Words[0].Top.Select(t => tokenizer.TokenText(t.Id).Trim())));
Directory.Delete(output, recursive: true);
