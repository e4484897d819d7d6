using HeadTap.Kernels.Tests;

namespace HeadTap.Models.Tests;

/// <summary>
/// Edits of every operation at every kind of place, for the forward and the backward tests.
/// </summary>
static class EditCases
{
    /// <summary>Every operation.</summary>
    public static EditOperation[] Operations => Enum.GetValues<EditOperation>();

    /// <summary>Every site that can be edited, in the second block where blocks have it.</summary>
    public static IEnumerable<Site> Sites(ModelConfig config) => Site.All(config).Where(s => s.Layer == 1
        || !Site.InBlock(s.Kind)).Where(s =>
        s.Kind is not (SiteKind.Ln1Scale or SiteKind.Ln2Scale or SiteKind.LnFinalScale));

    /// <summary>
    /// The sites at which a device tries an operation. PoCL and the interpreter of PTX run the same kernels
    /// and take 80 s of a test run for all, so each takes half; the host and CUDA take all.
    /// </summary>
    public static IEnumerable<Site> Sites(ModelConfig config, string device, EditOperation operation)
        => Sites(config).Where(s => device switch
        {
            "opencl" => ((int)s.Kind + (int)operation) % 2 == 0,
            "ptx" => ((int)s.Kind + (int)operation) % 2 == 1,
            _ => true,
        });

    /// <summary>Everything; and some heads, positions and rows.</summary>
    public static IEnumerable<Edit> Selections(Edit all, bool heads)
    {
        yield return all;
        yield return all with { Positions = EditPositions.Last, Head = heads ? 0 : null };
        yield return all with { Positions = EditPositions.List([0, 2, 7]), Rows = [0, 2] };
        yield return all with { Positions = EditPositions.From(1), Head = heads ? 2 : null };
    }

    public static bool HasHeads(Site site) => site.Kind is >= SiteKind.Q and <= SiteKind.Result;

    /// <summary>
    /// Whether an operation means something at a site: a direction out of minus infinity does not, and a swap
    /// takes whole rows.
    /// </summary>
    public static bool Fits(EditOperation operation, Site site) => operation switch
    {
        EditOperation.ProjectOut => site.Kind != SiteKind.Scores,
        EditOperation.Swap => !HasHeads(site),
        _ => true,
    };

    /// <summary>An edit of all of a site, with a value as wide as <paramref name="oneHead"/> says.</summary>
    public static Edit Of(EditOperation operation, Site site, ModelConfig config, int B, int T, bool oneHead)
    {
        if (operation == EditOperation.Call)
            return EditOracle<float>.HalfSquare(site.Name);
        SiteLayout layout = SiteLayout.Of(site.Kind, config, B, T);
        int width = oneHead ? layout.Unit : layout.Width;
        return new Edit
        {
            Site = site.Name,
            Operation = operation,
            Alpha = operation switch
            {
                EditOperation.Add => 1.7f,
                EditOperation.Scale => site.Kind == SiteKind.Scores ? 1.4f : -0.6f,
                EditOperation.ProjectOut => 0.8f,
                EditOperation.Swap => 1.3f,
                _ => 1f,
            },
            Value = operation switch
            {
                EditOperation.Add or EditOperation.Replace or EditOperation.ProjectOut
                    or EditOperation.Swap => EditValue.Numbers(Numbers.Normal(11, width, deviation: 0.7f)),
                EditOperation.Patch => EditValue.Recorded(
                    Numbers.Normal(12, layout.Shape.Aggregate(1, (a, n) => a * n), deviation: 0.7f),
                    layout.Shape),
                _ => null,
            },
            To = operation == EditOperation.Swap
                ? EditValue.Numbers(Numbers.Normal(13, width, deviation: 0.7f)) : null,
        };
    }

    /// <summary>Every selection of an operation at a site.</summary>
    public static IEnumerable<Edit> All(EditOperation operation, Site site, ModelConfig config, int B, int T)
    {
        if (!Fits(operation, site))
            return [];
        Edit whole = Of(operation, site, config, B, T, oneHead: false);
        Edit head = Of(operation, site, config, B, T, oneHead: HasHeads(site));
        return Selections(whole, HasHeads(site))
            .Select(e => e.Head is null ? e : e with { Value = head.Value });
    }

    public static string Name(Edit e)
        => $"{e.Operation} at {e.Site}, head {e.Head?.ToString() ?? "all"}, positions "
        + (e.Positions.IsLast ? "last" : e.Positions.Listed is { } l ? string.Join(' ', l)
            : $"from {e.Positions.FromPosition ?? 0}")
                + $", rows {(e.Rows is { } r ? string.Join(' ', r) : "all")}";
}
