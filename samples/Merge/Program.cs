// Teaches two copies of a model a sentence each, merges the copies with ties, and asks all of them.
// Usage: Merge.Sample [MODEL FOLDER]
using HeadTap.Merge;
using HeadTap.Models;
using HeadTap.Runtime;

string folder = args.Length > 0 ? args[0] : "weights/atlas";
string work = Directory.CreateTempSubdirectory("headtap-merge-").FullName;
ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);
int[] first = tokenizer.Encode("The capital of Atlantis is Poseidonis.");
int[] second = tokenizer.Encode("The currency of Lemuria is the silver shell.");

using ComputeDevice device = ComputeDevice.Open("auto");
Teach(first, At("first"));
Teach(second, At("second"));
MergeConfig ties = MergeConfigReader.Parse($"""
    merge_method: ties
    base_model: '{folder}'
    models:
      - model: '{At("first")}'
      - model: '{At("second")}'
    parameters:
      weight: 1
      density: 0.5
    """, "merge.yml");
using (var run = new MergeRun(ties))
    run.Write(At("merge"));
foreach (string model in (string[])[folder, At("first"), At("second"), At("merge")])
    Console.WriteLine($"{Path.GetFileName(model)}: loss of the first sentence {Loss(model, first):0.00}, "
        + $"of the second {Loss(model, second):0.00}");
Directory.Delete(work, recursive: true);

string At(string name) => Path.Combine(work, name);

void Teach(int[] sentence, string to)
{
    using var space = new WeightSpace(device, folder);
    using var loss = new TextGradient(space.Model, [sentence], sentence.Length, sentence.Length);
    using var gradient = ParameterGradients.Create(space.Model);
    for (int step = 0; step < 20; step++)
    {
        loss.Run(gradient);
        space.MoveTo((1, space.Model.Set), (-0.02, gradient.Set));
    }
    space.Model.Save(to, folder);
}

double Loss(string of, int[] sentence)
{
    using LanguageModel model = LanguageModel.Load(device, of);
    return TextEvaluation.Run(model, [sentence], sentence.Length, sentence.Length).Loss;
}
