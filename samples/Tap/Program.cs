// Loads a model, taps z, edits a head, and takes gradients.
// Usage: Tap.Sample [MODEL FOLDER]
using HeadTap.Models;
using HeadTap.Runtime;

string folder = args.Length > 0 ? args[0] : "weights/atlas";
using ComputeDevice device = ComputeDevice.Open("auto");
using LanguageModel model = LanguageModel.Load(device, folder);
ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);
int[] tokens = [model.Config.BosToken!.Value, .. tokenizer.Encode("The capital of Japan is")];
var batch = new SequenceBatch([tokens]);

using var session = new ModelSession(model, new SessionOptions
{
    MaxTokens = tokens.Length, Logits = LogitsAt.All, Record = [Site.Z(3)], Backward = true,
});
session.Forward(batch);
float[] logits = session.Logits.ToArray(); // [B, T, V]
float[] z = session.Recordings[Site.Z(3)].ToArray(); // [B, T, H, D]
Console.WriteLine($"next token: {tokenizer.TokenText(ArgMaxOfLast(logits))}, |z| = {Norm(z):0.000}");

using (model.Attach(new Edit { Site = Site.Z(3), Head = 2, Operation = EditOperation.Zero }))
{
    session.Forward(batch);
    Console.WriteLine($"without head 3.2: {tokenizer.TokenText(ArgMaxOfLast(session.Logits.ToArray()))}");
}

using var gradients = ParameterGradients.Create(model);
(double loss, int count) = session.ForwardBackward(batch, batch.NextTokens(), gradients, scale: 1);
float[] dQkv = gradients.Set[Role.QkvWeight, layer: 0].ToArray(); // [C, 3 C]
Console.WriteLine($"loss {loss / count:0.000} nats a token, |dQkv of block 0| = {Norm(dQkv):0.000}");

int ArgMaxOfLast(float[] all)
{
    ReadOnlySpan<float> last = all.AsSpan(all.Length - model.Config.VocabSize);
    int best = 0;
    for (int v = 1; v < last.Length; v++)
        if (last[v] > last[best])
            best = v;
    return best;
}

static double Norm(float[] values) => Math.Sqrt(values.Sum(v => (double)v * v));
