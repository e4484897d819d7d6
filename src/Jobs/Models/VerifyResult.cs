using System.Text.Json.Serialization;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>The result of <see cref="VerifyJob"/>.</summary>
/// <param name="Passed">Whether all comparisons agree.</param>
/// <param name="Device">Name of the device.</param>
/// <param name="Tokens">Number of tokens that were run.</param>
/// <param name="ModelHash"><see cref="ModelFolder.Hash"/> of the model.</param>
/// <param name="SizesOf">Name of the published model of the same sizes; null for none.</param>
/// <param name="Sites">Comparisons by kind of site, in forward order.</param>
/// <param name="Injections">Injections compared with published numbers.</param>
public sealed record VerifyResult(bool Passed, string Device, int Tokens, string ModelHash, string? SizesOf,
    IReadOnlyList<VerifiedSite> Sites, VerifiedInjections Injections)
{
    /// <summary>The repository of the model in <see cref="SizesOf"/>; null if that is null.</summary>
    [JsonIgnore]
    public string? Repository { get; init; }

    /// <summary><see cref="ModelFolder.WeightsHash"/>, which hubs show.</summary>
    [JsonIgnore]
    public string? WeightsHash { get; init; }

    /// <summary>Whether every weight is finite.</summary>
    [JsonIgnore]
    public bool Finite { get; init; } = true;
}

/// <summary>The difference between the sites of one kind and the float64 reference.</summary>
/// <param name="Site">Kind of site.</param>
/// <param name="MaxAbsError">Largest absolute difference.</param>
/// <param name="MaxAbsValue">Largest absolute value of the reference.</param>
/// <param name="Bound">Largest difference that passes.</param>
/// <param name="Passed">Whether the difference is within the bound; false for NaN.</param>
public sealed record VerifiedSite(
    string Site, double MaxAbsError, double MaxAbsValue, double Bound, bool Passed);

/// <summary>Injections compared with published numbers.</summary>
/// <param name="Checks">Comparisons that were made.</param>
/// <param name="Skipped">Comparisons that were not made, each with its reason.</param>
public sealed record VerifiedInjections(
    IReadOnlyList<VerifiedInjection> Checks, IReadOnlyList<string> Skipped)
{
    /// <summary>Whether all comparisons agree.</summary>
    [JsonIgnore]
    public bool Passed => Checks.All(c => c.Passed);
}

/// <summary>Published numbers and the numbers found.</summary>
/// <param name="What">Description of the numbers.</param>
/// <param name="Expected">Published numbers.</param>
/// <param name="Found">Numbers found.</param>
/// <param name="MaxAbsError">Largest absolute difference; NaN if a number is NaN or missing.</param>
/// <param name="Bound">Largest absolute difference that passes.</param>
/// <param name="Passed">Whether all numbers agree; false for NaN.</param>
public sealed record VerifiedInjection(string What, IReadOnlyList<double> Expected,
    IReadOnlyList<double> Found, double MaxAbsError, double Bound, bool Passed);
