using HeadTap.Lens;

namespace HeadTap.Jobs;

/// <summary>Reads a request's inputs through a lens, as the verb lens read does.</summary>
sealed class LensPass(AccessCall call) : PassWork<IReadOnlyList<LensAnswer>>
{
    /// <summary>What it costs beside a pass: the maps of heads are products with the vocabulary.</summary>
    internal const int Factor = 4;

    public override double TokenLayers => (double)Factor * call.Tokens * call.Model.Config.Layers;

    public override bool Joins(IReadOnlyList<PassWork> others) => false;

    public override void Run(ResidentModel model, IReadOnlyList<PassWork> together)
    {
        AccessLens asked = call.Request.Lens!;
        LensSource lens = model.Lenses[asked.Name];
        IReadOnlyList<int> heads = !lens.ReadsHeads ? []
            : asked.Heads ?? [.. Enumerable.Range(0, model.Config.Heads)];
        var request = new LensRequest(asked.Layers ?? lens.Layers, heads, asked.Top, WithBaseline: false);
        var answers = new List<LensAnswer>();
        for (int i = 0; i < call.Rows.Count; i++)
        {
            int[] positions = asked.PositionsOf(call.Rows[i].Length);
            using (model.Model.Attach(call.EditsOf(i)))
                answers.Add(new LensAnswer(asked.Name, positions, LensReadings.OfPrompt(
                    model.Model, lens, request, call.Rows[i], positions).Learned));
        }
        Finish(answers);
    }
}
