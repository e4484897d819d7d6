using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>How far the sites of one kind are from the float64 reference.</summary>
/// <param name="Kind">Which sites, of all layers.</param>
/// <param name="Error">Largest absolute difference; infinite when a side is not finite, other than masked
/// scores.</param>
/// <param name="Largest">Largest absolute value of the reference.</param>
public sealed record SiteParity(SiteKind Kind, double Error, double Largest)
{
    /// <summary>What float32 may be off by at values of size one.</summary>
    public const double Tolerance = 2e-5;

    /// <summary>The tolerance times the largest value, or itself where values are below one.</summary>
    public double Bound => Tolerance * Math.Max(1, Largest);

    /// <summary>Whether the error is within the bound; NaN is not.</summary>
    public bool Passes => Error <= Bound;

    /// <summary>
    /// Compares a model's pass with <see cref="Float64Decoder"/>, kind by kind in forward order.
    /// </summary>
    /// <exception cref="UserException">The tokens do not fit the model, or the sites do not fit the
    /// device.</exception>
    public static IReadOnlyList<SiteParity> Measure(LanguageModel model, int[] tokens)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(tokens);
        Site[] sites = [.. Site.All(model.Config)];
        var byName = sites.ToDictionary(s => s.Name, StringComparer.Ordinal);
        using var session = new ModelSession(model,
            new SessionOptions { MaxTokens = tokens.Length, Record = sites });
        session.Forward(new SequenceBatch([tokens]));
        var errors = new Dictionary<SiteKind, (double Error, double Largest, int Sites)>();
        new Float64Decoder(model.Config, name => model.Set[name].ToArray()).Run(tokens, (name, _, exact) =>
        {
            Site site = byName[name];
            float[] found = session.Recordings[site].ToArray();
            if (found.Length != exact.Length)
                throw new InvalidOperationException($"{name}: {found.Length} values beside {exact.Length}.");
            (double error, double largest, int count) = errors.GetValueOrDefault(site.Kind);
            for (int i = 0; i < exact.Length; i++)
            {
                error = Worst(error, exact[i], found[i], site.Kind == SiteKind.Scores);
                if (double.IsFinite(exact[i]))
                    largest = Math.Max(largest, Math.Abs(exact[i]));
            }
            errors[site.Kind] = (error, largest, count + 1);
        });
        // A site that one side never shows would pass unseen.
        foreach (IGrouping<SiteKind, Site> kind in sites.GroupBy(s => s.Kind))
            if (errors.GetValueOrDefault(kind.Key).Sites != kind.Count())
                throw new InvalidOperationException(
                    $"The reference shows {errors.GetValueOrDefault(kind.Key).Sites} of "
                    + $"{kind.Count()} sites {kind.Key}.");
        return [.. errors.OrderBy(e => e.Key)
            .Select(e => new SiteParity(e.Key, e.Value.Error, e.Value.Largest))];
    }

    static double Worst(double error, double exact, float found, bool masked)
    {
        if (masked && double.IsNegativeInfinity(exact) && float.IsNegativeInfinity(found))
            return error;
        // Equal infinities would have the difference NaN, and are no agreement.
        double difference = Math.Abs(exact - found);
        return double.IsFinite(difference) ? Math.Max(error, difference) : double.PositiveInfinity;
    }
}
