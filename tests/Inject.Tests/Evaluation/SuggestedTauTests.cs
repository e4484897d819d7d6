using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject.Tests;

/// <summary>The magnitude of a suggestion.</summary>
public sealed class SuggestedTauTests
{
    // Of the length of what is missing; and the shadow that what is missing throws on the vector.
    static readonly double[] s_lengths = [0.25, 0.5, 1, 2];

    [Test]
    public void It_is_that_of_the_trials_after_which_both_prompts_are_most_alike()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device, 12f);
        EncodedPair[] pairs = RandomMemoriesTests.Pairs(8);
        var search = new HopSearch(model, pairs);
        var taken = new HashSet<string>();
        for (int layer = 0; layer < model.Config.Layers; layer++)
            foreach (SuggestedMemory kind in Enum.GetValues<SuggestedMemory>())
            {
                int at = layer;
                IReadOnlyList<Suggestion> found = search.Suggest(kind, [.. pairs.Select(_ => at)], 4);
                for (int i = 0; i < pairs.Length; i++)
                {
                    (string Name, double Tau)[] trials = Trials(search.Missing(i, layer), found[i]);
                    (string Name, double Tau, double Divergence)[] tried = [.. trials.Select(t =>
                        (t.Name, t.Tau, Divergence(model, pairs[i], found[i], (float)t.Tau)))];
                    (string name, double tau, double least) = tried.MinBy(t => t.Divergence);
                    taken.Add(name);
                    Assert.That(found[i].Tau, Is.EqualTo(tau).Within(1e-4 * tau), $"{kind} {layer} {i}");
                    Assert.That(found[i].Divergence, Is.EqualTo(least).Within(1e-5));
                }
            }
        Assert.That(taken, Is.SupersetOf((string[])["nothing", "shadow", "0.25", "0.5", "2", "itself"]),
            "each trial is the best of some pair");
    }

    static (string, double)[] Trials(float[] missing, Suggestion found)
    {
        if (found.Kind == SuggestedMemory.Difference)
            return [("nothing", 0), ("itself", 1)];
        double own = Length(found.Vector), whole = Length(missing), along = 0;
        for (int c = 0; c < missing.Length; c++)
            along += (double)missing[c] * found.Vector[c];
        double shadow = along / (own * own);
        return [("nothing", 0), .. shadow > 0 ? ((string, double)[])[("shadow", shadow)] : [],
            .. s_lengths.Select(x => (FormattableString.Invariant($"{x}"), x * whole / own))];
    }

    static double Length(float[] x) => Math.Sqrt(x.Sum(v => (double)v * v));

    // KL of the next tokens, with the vector added at the multi-hop prompt's last position.
    static double Divergence(LanguageModel model, EncodedPair pair, Suggestion found, float tau)
    {
        double[] p = Next(model, pair.Explicit);
        using (model.Attach(new Edit
        {
            Site = $"blocks.{found.Layer}.hook_attn_out", Operation = EditOperation.Add, Alpha = tau,
            Positions = EditPositions.Last, Value = EditValue.Numbers(found.Vector),
        }))
            return p.Zip(Next(model, pair.Obscure)).Sum(v => v.First * Math.Log(v.First / v.Second));
    }

    static double[] Next(LanguageModel model, int[] prompt)
    {
        using var session = new ModelSession(model,
            new SessionOptions { MaxTokens = prompt.Length, Logits = LogitsAt.Last });
        session.Forward(new SequenceBatch([prompt]));
        double[] e = [.. session.Logits.ToArray().Select(x => Math.Exp((double)x))];
        return [.. e.Select(x => x / e.Sum())];
    }
}
