using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Tests whether what lenses say about heads agrees with what heads do: every head is removed alone, and the
/// change of log p(answer) is compared with how much each lens says that the head favours the answer. The
/// answer is the model's most probable token at a prompt's last position.
/// </summary>
public static class AgreementCheck
{
    /// <summary>Runs the check on prompts.</summary>
    /// <param name="model">Model that runs the prompts.</param>
    /// <param name="lenses">Names and sources of lenses that read heads, one or more; direct logit
    /// attribution is always compared too.</param>
    /// <param name="layers">Layers whose heads are compared; every lens must have them.</param>
    /// <param name="rows">Token ids of the prompts; empty rows are left out.</param>
    /// <param name="options">Number of prompts, kind of removal and seed.</param>
    /// <param name="progress">Callback that gets the share done, 0 to 1; may cancel by an exception.</param>
    /// <returns>One agreement per lens, in their order, then that of direct attribution.</returns>
    /// <exception cref="UserException">A lens reads no heads, there is only one head, or a prompt does not
    /// fit the model.</exception>
    public static IReadOnlyList<FavourAgreement> Run(LanguageModel model,
        IReadOnlyList<(string By, LensSource Source)> lenses, IReadOnlyList<int> layers,
        IReadOnlyList<IReadOnlyList<int>> rows, AblationOptions options, Action<double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(lenses);
        ArgumentNullException.ThrowIfNull(layers);
        ArgumentNullException.ThrowIfNull(options);
        int H = model.Config.Heads;
        foreach ((_, LensSource source) in lenses)
            AblationCheck.RequireUsable(source, layers, H);
        IReadOnlyList<int>[] prompts = [.. LensEvaluation.Usable(rows).Take(options.Prompts)];
        HeadPlace[] heads = [.. layers.SelectMany(l => Enumerable.Range(0, H)
            .Select(h => new HeadPlace(l, h)))];
        IReadOnlyList<LensReadings> readings = LensReadings.OfLastTokens(model,
            [.. lenses.Select(lens => lens.Source)],
            new LensRequest(layers, [.. Enumerable.Range(0, H)], Top: 1, WithBaseline: false), prompts);
        int[] answers = [.. readings[0].Model.Select(words => words[0].Id)];
        var favours = new List<HeadFavours>();
        foreach (((string by, _), LensReadings read) in lenses.Zip(readings))
            favours.Add(new(by, [.. prompts.Select((_, p) => (double[])[.. read.Learned
                .SelectMany(l => l.Heads.Select(h => (double)h.Words[p].CenteredLogit))])]));
        // By a pass of its own: one that records results adds the heads in another order.
        favours.Add(new("direct attribution", [.. prompts.Select((prompt, p) =>
        {
            DirectLogitAttribution direct = DirectLogitAttribution.Read(model, prompt);
            return (double[])[.. heads.Select(h => (double)direct.Toward(h.Layer, h.Head, answers[p]))];
        })]));
        double[][] changes = Changes(model, prompts, answers, heads, options, progress);
        return [.. favours.Select(of => FavourAgreement.Of(of, changes, options.Seed))];
    }

    static double[][] Changes(LanguageModel model, IReadOnlyList<int>[] prompts, int[] answers,
        HeadPlace[] heads, AblationOptions options, Action<double>? progress)
    {
        using var removal = new HeadRemoval(model, prompts.Max(p => p.Count),
            new HeadRemovalOptions { ToMean = options.ToMean });
        return [.. prompts.Select((prompt, p) =>
        {
            progress?.Invoke((double)p / prompts.Length);
            return (double[])[.. removal.Changes(prompt, [prompt.Count - 1], [answers[p]], heads)
                .Select(change => change[0])];
        })];
    }
}
