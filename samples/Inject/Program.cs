// Adds a memory to a layer while the model runs: the country that a two-hop question does not name.
// Usage: Inject.Sample [MODEL FOLDER]
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

string folder = args.Length > 0 ? args[0] : "weights/atlas";
using ComputeDevice device = ComputeDevice.Open("auto");
using LanguageModel model = LanguageModel.Load(device, folder);
ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);
int[] prompt =
[
    model.Config.BosToken!.Value,
    .. tokenizer.Encode("The currency of the country whose capital is Bandar Seri Begawan is the"),
];
int answer = tokenizer.Encode(" Brunei dollar")[0];

var memory = new Memory(tokenizer.Encode(" Brunei"), Layer: 2, Tau: 12);
Injection injection = Injection.Run(model, prompt, answer, [memory]);
Console.WriteLine($"p of \"Brunei dollar\": {injection.Before.Probability:P1} without the memory, "
    + $"{injection.After.Probability:P1} with it");
