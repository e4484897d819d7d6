using System.Text.Json.Serialization;

namespace HeadTap.Jobs;

/// <summary>The reading of a layer or head at the position.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Head">Head, from 0; null for the whole layer, or for the residual stream if the lens reads
/// that.</param>
/// <param name="Favour">Lens logit of the model's own next token minus the mean over the vocabulary.</param>
/// <param name="Top">Tokens with the largest logits of the lens.</param>
/// <param name="LogitLens">Tokens with the largest logits of the logit lens.</param>
public sealed record LensReadPlace(int Layer,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Head, double Favour,
    IReadOnlyList<LensTokenResult> Top, IReadOnlyList<LensTokenResult> LogitLens)
{
    /// <summary>
    /// log p of the token without the head minus log p with it, nats; null if no head was removed, and for
    /// whole layers.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Effect { get; init; }
}

/// <summary>How well favours say which heads matter.</summary>
/// <param name="To">What a removed head's results became: zero or mean.</param>
/// <param name="RankCorrelation">Correlation of ranks (Spearman), over the heads, of the favour and of how
/// far log p falls without the head; 1 if the order is the same. NaN with less than two heads.</param>
/// <param name="LogitLens">The same for the favour by the logit lens.</param>
public sealed record LensReadAblation(string To, double RankCorrelation, double LogitLens);

/// <summary>What the stream says at a layer and position.</summary>
/// <param name="Id">Most probable token.</param>
/// <param name="Text">This token as text.</param>
/// <param name="P">Its probability, 0 to 1.</param>
/// <param name="Entropy">Entropy of the distribution, nats.</param>
/// <param name="Rank">Rank, from 1, of the model's own most probable token.</param>
/// <param name="Kl">KL(model || layer), nats.</param>
public sealed record LensGridCell(int Id, string Text, double P, double Entropy, int Rank, double Kl);

/// <summary>What the stream says at one place of the model.</summary>
/// <param name="Place">before, middle of or after a layer, or end.</param>
/// <param name="Layer">Layer, from 0; null behind the last one.</param>
/// <param name="Cells">[T]</param>
public sealed record LensGridRow(string Place,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Layer,
    IReadOnlyList<LensGridCell> Cells);

/// <summary>The stream of a prompt, layer by position.</summary>
/// <param name="Lens">The lens that reads it.</param>
/// <param name="Rows">From the first layer to the end, which is the model itself.</param>
public sealed record LensGrid(string Lens, IReadOnlyList<LensGridRow> Rows);

/// <summary>The same prompt in a second model. Favours and effects are of the first model's token.</summary>
/// <param name="ModelHash">Hash of the model's folder.</param>
/// <param name="Model">Most probable next tokens of the model at the position.</param>
/// <param name="Layers">Readings by layer.</param>
/// <param name="Heads">Readings by layer and head.</param>
public sealed record LensReadOther(string ModelHash, IReadOnlyList<ModelTokenResult> Model,
    IReadOnlyList<LensReadPlace> Layers, IReadOnlyList<LensReadPlace> Heads)
{
    /// <inheritdoc cref="LensReadResult.Ablation"/>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LensReadAblation? Ablation { get; init; }

    /// <inheritdoc cref="LensReadResult.Grid"/>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<LensGrid>? Grid { get; init; }

    /// <summary>
    /// What changed, second model less first: heads, or layers for a lens that reads no heads; the largest
    /// change of the effect first, or of the favour where no head was removed.
    /// </summary>
    public IReadOnlyList<LensReadChange> Changes { get; init; } = [];
}

/// <summary>How the reading of a head or layer differs between two models, second less first.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Head">Head, from 0; null for a whole layer.</param>
/// <param name="Favour">Change of the favour.</param>
/// <param name="Effect">Change of the effect; null if no head was removed.</param>
/// <param name="SameWord">Whether the token with the largest logit of the lens is the same.</param>
public sealed record LensReadChange(int Layer,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Head, double Favour,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Effect, bool SameWord);

/// <summary>The reading of a prompt through a lens.</summary>
/// <param name="ModelHash">Hash of the model's folder.</param>
/// <param name="Lens">Kind of the lens.</param>
/// <param name="Tokens">Token ids of the prompt, [T].</param>
/// <param name="Texts">Tokens of the prompt as text, [T].</param>
/// <param name="Position">Position that was read, from 0.</param>
/// <param name="Model">Most probable next tokens of the model at the position.</param>
/// <param name="Layers">Readings by layer.</param>
/// <param name="Heads">Readings by layer and head; empty for a lens that reads no heads.</param>
public sealed record LensReadResult(string ModelHash, string Lens, IReadOnlyList<int> Tokens,
    IReadOnlyList<string> Texts, int Position, IReadOnlyList<ModelTokenResult> Model,
    IReadOnlyList<LensReadPlace> Layers, IReadOnlyList<LensReadPlace> Heads)
{
    /// <summary>Token id before each prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>How favours and effects of removal agree; null if no head was removed.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LensReadAblation? Ablation { get; init; }

    /// <summary>
    /// The stream, layer by position: by the logit lens and, if it reads the stream, by the lens; null if not
    /// asked for.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<LensGrid>? Grid { get; init; }

    /// <summary>The same prompt in a second model; null without one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LensReadOther? Other { get; init; }

    /// <summary>A description of the lens in one line.</summary>
    [JsonIgnore]
    public string LensLine { get; init; } = "";

    /// <summary>Whether <see cref="Layers"/> are readings of the residual stream, not of the heads'
    /// sum.</summary>
    [JsonIgnore]
    public bool ReadsStream { get; init; }

    /// <summary>Whether the lens is the logit lens itself.</summary>
    [JsonIgnore]
    public bool IsLogitLens { get; init; }
}
