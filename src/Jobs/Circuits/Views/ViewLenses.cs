using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The lenses of a page: those of the call, and the logit lens behind them.</summary>
static class ViewLenses
{
    /// <summary>Finds the lenses and checks that they were made for the model.</summary>
    /// <param name="options">The call.</param>
    /// <param name="folder">Folder of the model.</param>
    /// <param name="config">Its config.</param>
    /// <exception cref="UserException">One is missing or made for another model.</exception>
    internal static IReadOnlyList<LensPlaces> Find(ViewOptions options, string folder, ModelConfig config)
        => [.. options.Lenses.Append(LensSource.Logit).Distinct().Select(lens => new LensPlaceRequest
        {
            Lens = lens, LensOf = lens == LensSource.Logit ? LensOwner.Self
                : folder == options.Other ? OtherModel.LensOf(lens, folder) : options.LensOf,
            Top = options.Top,
        }.Read(folder, config))];

    /// <summary>Reads every lens at every position of a prompt.</summary>
    /// <exception cref="UserException">A lens is damaged or does not fit the device.</exception>
    internal static IReadOnlyList<ShownWords> Read(LanguageModel model, IReadOnlyList<LensPlaces> lenses,
        int[] prompt, JobContext context)
    {
        int[] positions = [.. Enumerable.Range(0, prompt.Length)];
        var words = new List<ShownWords>();
        foreach (LensPlaces lens in lenses)
        {
            context.Cancel.ThrowIfCancellationRequested();
            LensReadings read = LensReadings.OfPrompt(model, lens.Source,
                lens.Request with { WithBaseline = false, WithStream = true }, prompt, positions);
            words.Add(new ShownWords(lens.Title, lens.Source.Options, read.Learned, read.Stream));
        }
        return words;
    }
}
