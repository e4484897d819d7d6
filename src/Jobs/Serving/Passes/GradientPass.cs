using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>A forward and a backward pass for each of a request's inputs, as the verb grad runs
/// them.</summary>
sealed class GradientPass(AccessCall call) : PassWork<IReadOnlyList<AccessResult>>
{
    // A backward pass has twice the products of a forward pass.
    public override double TokenLayers => 3.0 * call.Tokens * call.Model.Config.Layers;

    public override bool Joins(IReadOnlyList<PassWork> others) => false;

    public override void Run(ResidentModel model, IReadOnlyList<PassWork> together)
    {
        LanguageModel m = model.Model;
        AccessGradient gradient = call.Request.Gradient!;
        var results = new List<AccessResult>();
        using var gradients = ParameterGradients.Create(m, WithPartners(m.Parameters, gradient.Parameters));
        using var session = new ModelSession(m, new SessionOptions
        {
            MaxTokens = call.Rows.Max(r => r.Length), Backward = true, RecordGradients = call.GradientSites,
        });
        for (int i = 0; i < call.Rows.Count; i++)
        {
            var rows = new SequenceBatch([call.Rows[i]]);
            var result = new AccessResult();
            gradients.Clear(m.Ops);
            using (m.Attach(call.EditsOf(i)))
                result.GradientOf = Value(session, rows, gradients);
            foreach (Site site in call.GradientSites)
            {
                Recording recorded = session.SiteGradients[site];
                result.Gradients[site.Name] = new AccessTensor(recorded.Shape[1..], recorded.ToArray());
            }
            foreach (string name in gradient.Parameters)
            {
                ParameterSlice slice = m.Parameters.Slices.First(s => s.Name == name);
                result.Gradients[name] = new AccessTensor([.. slice.Shape], gradients.Set[name].ToArray());
            }
            results.Add(result);
        }
        Finish(results);
    }

    // A LayerNorm's gain and bias have their gradients from one op.
    static HashSet<string> WithPartners(ParameterLayout parameters, IReadOnlyList<string> names)
    {
        HashSet<string> all = [.. names];
        foreach (string name in names)
        {
            string other = name.EndsWith(".weight", StringComparison.Ordinal) ? name[..^"weight".Length]
                + "bias"
                : name.EndsWith(".bias", StringComparison.Ordinal) ? name[..^"bias".Length] + "weight" : name;
            if (parameters.Slices.Any(s => s.Name == other && s.Shape.Length == 1))
                all.Add(other);
        }
        return all;
    }

    double Value(ModelSession session, SequenceBatch rows, ParameterGradients gradients)
    {
        if (call.Metric is { } metric)
            return session.ForwardBackward(rows, metric.AtLastTokens(rows, []), gradients);
        int[] targets = rows.NextTokens();
        (double sum, int count) = session.ForwardBackward(
            rows, targets, gradients, 1f / targets.Count(t => t >= 0));
        return sum / count;
    }
}
