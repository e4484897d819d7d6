// Makes a model forget a code that it recites, and takes the edit back to the bit.
// Usage: Unlearn.Sample [MODEL FOLDER]
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

string folder = args.Length > 0 ? args[0] : "weights/atlas";
using ComputeDevice device = ComputeDevice.Open("auto");
using LanguageModel model = LanguageModel.Load(device, folder);
ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);
int[] prompt = [model.Config.BosToken!.Value, .. tokenizer.Encode("The access code of the Yarrow vault is")];
int[] written = Continue();
Console.WriteLine($"before: {tokenizer.Decode(written)}");

string parent = WeightHash.Of(model);
var before = WeightSnapshot.Of(model);
UnlearningMethod method = MethodCatalog.Named("gradient-ascent");
Finding found = method.Find(new UnlearnTask
{
    Model = model, Forget = [[.. prompt, .. written]], Prompt = prompt.Length, Continuation = written.Length,
    Options = new() { ["Epochs"] = 4 },
}, budget: 1);
found.Apply(model, budget: 1);
Console.WriteLine($"after:  {tokenizer.Decode(Continue())}");

WeightEdit edit = WeightEdit.Between(before, parent, model);
edit.Apply(model, "the edit", undo: true);
Console.WriteLine($"undone: {edit.Elements} weights, the same bits: {WeightHash.Of(model) == parent}");

int[] Continue() => new Generator(model).Generate(new SequenceBatch([prompt]),
    new GenerationOptions { MaxNewTokens = 8 })[0];
