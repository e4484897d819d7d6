using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>What an edit does to the values at a site, x.</summary>
public enum EditOperation
{
    /// <summary>x + alpha · value.</summary>
    Add,

    /// <summary>The value in place of x.</summary>
    Replace,

    /// <summary>alpha · x.</summary>
    Scale,

    /// <summary>Zeroes in place of x.</summary>
    Zero,

    /// <summary>The mean of x over the edited rows in place of each.</summary>
    Mean,

    /// <summary>
    /// x - alpha · &lt;x, u&gt; u with u the value divided by its norm: alpha 1 removes a direction.
    /// </summary>
    ProjectOut,

    /// <summary>x as another run recorded it, at the same row and position.</summary>
    Patch,

    /// <summary>Whatever a C# function makes of x; such an edit cannot be saved.</summary>
    Call,

    /// <summary>
    /// x + alpha · &lt;x, s&gt; (t - s) with s the value and t <see cref="Edit.To"/>, each divided by its
    /// norm: alpha 1 puts what x has along s along t.
    /// </summary>
    Swap,
}

/// <summary>A change to the values at one or more sites, in force while it is attached to a model.</summary>
/// <remarks>
/// All but <see cref="EditOperation.Call"/> are linear in x or constant, so the backward pass goes through
/// them exactly: see <see cref="CompiledEdits"/>.
/// </remarks>
public sealed record Edit
{
    /// <summary>Which sites: a <see cref="Models.Site"/>, or a glob or an alias.</summary>
    public required SitePattern Site { get; init; }

    /// <summary>The change to the values.</summary>
    public required EditOperation Operation { get; init; }

    /// <summary>The value of Add, Replace, ProjectOut, Swap and Patch.</summary>
    public EditValue? Value { get; init; }

    /// <summary>The second direction of Swap.</summary>
    public EditValue? To { get; init; }

    /// <summary>This edit for one text of a batch that runs by itself: of recordings it takes the text's own
    /// row.</summary>
    /// <param name="row">The text's row in the batch, from 0.</param>
    public Edit WithValuesOfRow(int row) => this with { Value = Value?.OfRow(row), To = To?.OfRow(row) };

    /// <summary>The strength of Add, ProjectOut and Swap and the factor of Scale.</summary>
    public float Alpha { get; init; } = 1f;

    /// <summary>
    /// One head of a site that has heads, from 0; null for all, or for those of <see cref="Heads"/>.
    /// </summary>
    public int? Head { get; init; }

    /// <summary>
    /// Some heads of a site that has heads, ascending; null for all, or for <see cref="Head"/> alone.
    /// </summary>
    public IReadOnlyList<int>? Heads { get; init; }

    /// <summary>
    /// Some numbers of a row, ascending, from 0: single neurons of an MLP, single dimensions of a stream. At
    /// a site with heads they count within each chosen head. Null for all.
    /// </summary>
    public IReadOnlyList<int>? Neurons { get; init; }

    /// <summary>Which positions of each row.</summary>
    public EditPositions Positions { get; init; } = EditPositions.All;

    /// <summary>Which rows of the batch; null for all.</summary>
    public IReadOnlyList<int>? Rows { get; init; }

    /// <summary>
    /// Which passes of a generation: 0 is the prompt's, 1 the first generated token's; null for all.
    /// </summary>
    public IReadOnlyList<int>? Steps { get; init; }

    /// <summary>The function of <see cref="EditOperation.Call"/>.</summary>
    public EditFunction? Function { get; init; }

    /// <summary>
    /// The function's derivative: changes the gradient of its output into that of its input. Without one,
    /// gradients pass unchanged.
    /// </summary>
    public EditFunction? FunctionBackward { get; init; }

    /// <summary>An edit by a C# function.</summary>
    public static Edit Call(SitePattern site, EditFunction forward, EditFunction? backward = null) => new()
    {
        Site = site,
        Operation = EditOperation.Call,
        Function = forward,
        FunctionBackward = backward,
    };

    /// <summary>Checks what can be known before a run.</summary>
    /// <exception cref="UserException">It does not fit the model.</exception>
    public void Validate(ModelConfig config)
    {
        IReadOnlyList<Site> sites = Site.In(config);
        if (!Enum.IsDefined(Operation))
            throw Wrong($"operation {Operation} is unknown");
        if (!float.IsFinite(Alpha))
            throw Wrong($"alpha is {Alpha}; expected a finite number");
        bool needsValue = Operation is EditOperation.Add or EditOperation.Replace or EditOperation.ProjectOut
            or EditOperation.Swap or EditOperation.Patch;
        if (Operation == EditOperation.Swap == To is null)
            throw Wrong(To is null ? "swap needs to, the direction that takes the place of the value's"
                : $"{EditSpec.NameOf(Operation)} takes no to");
        if (needsValue && Value is null)
            throw Wrong($"{EditSpec.NameOf(Operation)} needs a value");
        if (!needsValue && Value is not null)
            throw Wrong($"{EditSpec.NameOf(Operation)} takes no value");
        bool usesAlpha = Operation is EditOperation.Add or EditOperation.Scale or EditOperation.ProjectOut
            or EditOperation.Swap;
        if (!usesAlpha && Alpha != 1f)
            throw Wrong($"{EditSpec.NameOf(Operation)} takes no alpha");
        if (Operation == EditOperation.Call && Function is null)
            throw Wrong("Call needs a function");
        if (Rows?.FirstOrDefault(r => r < 0) is < 0 || Steps?.FirstOrDefault(s => s < 0) is < 0)
            throw Wrong("rows and steps count from 0");
        ValidateSelection();
        foreach (Site site in sites)
        {
            ValidateAt(site, config, Value?.ForSite(site).ShapeFor(config));
            if (To is not null)
                ValidateSwap(site, config, To.ForSite(site).ShapeFor(config));
        }
    }

    void ValidateSwap(Site site, ModelConfig config, int[]? shape)
    {
        SiteLayout layout = SiteLayout.Of(site.Kind, config, 1, 1);
        if (layout.Heads > 1 || !layout.Dense || layout.HeadsInRows || Neurons is not null)
            throw Wrong("swap needs whole rows of a site without heads, such as a stream");
        if (shape is not [var length] || length != layout.Width)
            throw Wrong($"its to is not one row of {layout.Width} numbers, which {site} has");
    }

    void ValidateSelection()
    {
        if (Head is not null && Heads is not null)
            throw Wrong("head and heads are both given; expected one of them");
        foreach ((string name, IReadOnlyList<int>? list) in new[] { ("heads", Heads), ("neurons", Neurons) })
            if (list is not null && (list.Count == 0 || list.Zip(list.Skip(1)).Any(p => p.First >= p.Second)))
                throw Wrong($"{name} is {Quoted.Shape(list)}; expected numbers in ascending order, each "
                    + "once");
        if (Operation == EditOperation.Call && (Heads is not null || Neurons is not null))
            throw Wrong("Call takes one head or whole rows; leave heads and neurons out");
        if (Operation == EditOperation.ProjectOut && Neurons is not null)
            throw Wrong("project_out needs whole rows or heads; leave neurons out");
    }

    /// <summary>Checks the rows that are named against a batch.</summary>
    /// <param name="batchRows">Number of rows of the batch.</param>
    /// <exception cref="UserException">A row is beyond them.</exception>
    public void ValidateRows(int batchRows)
    {
        foreach (int row in Rows ?? [])
            if (row >= batchRows)
                throw Wrong($"row {row} does not exist; " + (batchRows == 1 ? "this batch has row 0 alone"
                    : $"this batch has rows 0 to {batchRows - 1}"));
    }

    void ValidateAt(Site site, ModelConfig config, int[]? valueShape)
    {
        if (site.Kind is SiteKind.Ln1Scale or SiteKind.Ln2Scale or SiteKind.LnFinalScale)
            throw Wrong($"{site} can be recorded but not edited; edit the normalized output or "
                + "the stream before it");
        if (site.Kind == SiteKind.Scores
            && (Operation == EditOperation.ProjectOut || (Operation == EditOperation.Scale && Alpha < 0)))
            throw Wrong($"{site} is minus infinity where masked; {EditSpec.NameOf(Operation)} would make "
                + "it no number or plus infinity");
        SiteLayout layout = SiteLayout.Of(site.Kind, config, 1, 1, config.ContextLength);
        IReadOnlyList<int>? heads = OnlyHeads;
        if (heads is not null && layout.Heads == 1 && config.Heads > 1)
            throw Wrong($"{site} has no heads; leave {(Heads is null ? "head" : "heads")} out");
        foreach (int head in heads ?? [])
            if (head < 0 || head >= config.Heads)
                throw Wrong($"head {head} does not exist; this model has heads 0 to {config.Heads - 1}");
        ValidateNeurons(site, layout);
        if (layout.HeadsInRows && Value is FileValue { Row: not null } or DataMeanValue)
            throw Wrong($"the rows of {site} are as long as their texts; expected numbers or a recording");
        if (valueShape is not null)
            EditValues.RequireShape(this, site, layout, valueShape);
    }

    void ValidateNeurons(Site site, in SiteLayout layout)
    {
        if (Neurons is null)
            return;
        if (layout.HeadsInRows)
            throw Wrong($"{site} has keys and no neurons; leave neurons out");
        if (layout.Heads > 1 && OnlyHeads is null)
            throw Wrong($"{site} has heads; say with head or heads whose neurons are meant");
        foreach (int neuron in Neurons)
            if (neuron < 0 || neuron >= layout.Unit)
                throw Wrong($"neuron {neuron} does not exist; {site} has 0 to {layout.Unit - 1}");
    }

    /// <summary>The chosen heads; null for all.</summary>
    internal IReadOnlyList<int>? OnlyHeads => Head is { } one ? [one] : Heads;

    internal UserException Wrong(string what) => new($"edit at {Quoted.Name(Site.Text)}: {what}");
}

/// <summary>A C# edit: changes <see cref="EditContext.Values"/> in place.</summary>
public delegate void EditFunction(EditContext context);

/// <summary>What a C# edit sees: the edited rows of one site, on the host.</summary>
/// <param name="Site">The site that the pass is at.</param>
/// <param name="Step">The pass of a generation; 0 outside one.</param>
/// <param name="Rows">Batch row and position of each row of values.</param>
/// <param name="Width">Floats in a row: all heads side by side unless the edit names one.</param>
/// <param name="Values">[rows, width]; written back into the run when the function returns.</param>
public sealed record EditContext(
    Site Site, int Step, IReadOnlyList<EditRow> Rows, int Width, float[] Values);

/// <summary>One row that an edit touches.</summary>
/// <param name="BatchRow">The row of the batch, from 0.</param>
/// <param name="Position">The token's position in its text, from 0.</param>
/// <param name="Head">For scores and patterns, whose rows are per head; else -1.</param>
public readonly record struct EditRow(int BatchRow, int Position, int Head);
