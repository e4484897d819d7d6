using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The lenses of a page: those of the call, and the logit lens behind them.</summary>
static class ViewLenses
{
    /// <summary>Finds the lenses and checks that they were made for the model.</summary>
    /// <exception cref="UserException">One is missing or made for another model.</exception>
    internal static IReadOnlyList<LensPlaces> Find(ViewOptions options, string folder, ModelConfig config)
    {
        ModelConfig own = ModelFolder.ReadConfig(folder);
        if (own.VocabSize != config.VocabSize || own.Layers != config.Layers || own.Heads != config.Heads
            || own.Width != config.Width)
            throw new UserException($"{Quoted.Path(folder)} has {own.Layers} layers of {own.Heads} heads, "
                + $"width {own.Width} and vocabulary {own.VocabSize}; the first model has {config.Layers} of "
                + $"{config.Heads}, {config.Width} and {config.VocabSize}: expected two of one shape");
        return [.. options.Lenses.Append(LensSource.Logit).Distinct().Select(lens => new LensPlaceRequest
        {
            Lens = lens, LensOf = lens == LensSource.Logit ? LensOwner.Self : options.LensOf,
            Top = options.Top,
        }.Read(folder, own))];
    }

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
            words.Add(new ShownWords(NameOf(lens), LensReadings.OfPrompt(model, lens.Source,
                lens.Request with { WithBaseline = false }, prompt, positions).Learned));
        }
        return words;
    }

    static string NameOf(LensPlaces lens) => lens.Source.IsBaseline ? "logit lens"
        : $"{LensText.Word(lens.Source.Options.Kind)} lens {Path.GetFileName(
            Path.TrimEndingDirectorySeparator(Path.GetFullPath(lens.Name)))}";
}
