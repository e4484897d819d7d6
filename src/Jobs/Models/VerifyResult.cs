using System.Text.Json.Serialization;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>What <see cref="VerifyJob"/> found.</summary>
/// <param name="Passed">Whether nothing disagrees.</param>
/// <param name="Device">The device's name.</param>
/// <param name="Tokens">Tokens that were run.</param>
/// <param name="ModelHash"><see cref="ModelFolder.Hash"/> of the model.</param>
/// <param name="SizesOf">The published model of the same sizes; null for none.</param>
/// <param name="Sites">Kind by kind in forward order.</param>
/// <param name="Injections">Injections beside published numbers.</param>
public sealed record VerifyResult(bool Passed, string Device, int Tokens, string ModelHash, string? SizesOf,
    IReadOnlyList<VerifiedSite> Sites, VerifiedInjections Injections)
{
    /// <summary>Where <see cref="SizesOf"/> is published; null with it.</summary>
    [JsonIgnore]
    public string? Repository { get; init; }
}

/// <summary>How far the sites of one kind are from the float64 reference.</summary>
/// <param name="Site">The kind.</param>
/// <param name="MaxAbsError">Largest absolute difference.</param>
/// <param name="MaxAbsValue">Largest absolute value of the reference.</param>
/// <param name="Bound">The largest difference that passes.</param>
/// <param name="Passed">Whether the difference is within the bound; NaN is not.</param>
public sealed record VerifiedSite(
    string Site, double MaxAbsError, double MaxAbsValue, double Bound, bool Passed);

/// <summary>Injections beside published numbers.</summary>
/// <param name="Checks">What was compared.</param>
/// <param name="Skipped">What was not, each with its reason.</param>
public sealed record VerifiedInjections(
    IReadOnlyList<VerifiedInjection> Checks, IReadOnlyList<string> Skipped)
{
    /// <summary>Whether nothing disagrees.</summary>
    [JsonIgnore]
    public bool Passed => Checks.All(c => c.Passed);
}

/// <summary>Numbers that were published, beside those found.</summary>
/// <param name="What">What they are.</param>
/// <param name="Expected">As published.</param>
/// <param name="Found">As found.</param>
/// <param name="MaxAbsError">The largest absolute difference; NaN if a number is none or missing.</param>
/// <param name="Bound">The largest absolute difference that passes.</param>
/// <param name="Passed">Whether all agree; NaN does not.</param>
public sealed record VerifiedInjection(string What, IReadOnlyList<double> Expected,
    IReadOnlyList<double> Found, double MaxAbsError, double Bound, bool Passed);
