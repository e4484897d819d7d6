using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>Options of a fit of Jacobian lenses.</summary>
public sealed record JacobianFitOptions
{
    /// <summary>Fewest prompts before <see cref="Tolerance"/> may end a fit.</summary>
    public const int FewestPrompts = 100;

    /// <summary>Number of prompts whose mean delta is compared with <see cref="Tolerance"/>.</summary>
    public const int DeltaWindow = 10;

    /// <summary>The streams that are read.</summary>
    public JacobianSite Site { get; init; } = JacobianSite.ResidPost;

    /// <summary>The positions of a prompt that count.</summary>
    public JacobianPositions Positions { get; init; }

    /// <summary>R: output dimensions of a backward pass; changes speed and memory and no bit.</summary>
    public int BatchRows { get; init; } = 8;

    /// <summary>Tokens of the longest prompt; 0 for the model's context. The published fits have
    /// 128.</summary>
    public int TokensPerRow { get; init; }

    /// <summary>Largest number of prompts; 0 for all of the texts.</summary>
    public int Prompts { get; init; }

    /// <summary>
    /// The fit ends when delta, as a mean of <see cref="DeltaWindow"/> prompts, is below this, after at least
    /// <see cref="FewestPrompts"/> prompts (published fits: 2e-3); 0 for no such end.
    /// </summary>
    public double Tolerance { get; init; }

    /// <summary>Token id before each text; null for none.</summary>
    public int? Bos { get; init; }

    /// <summary>Returns these options after checking their ranges.</summary>
    /// <exception cref="UserException">An option is out of range; the message names it.</exception>
    public JacobianFitOptions Validated(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        Require(BatchRows >= 1, nameof(BatchRows), BatchRows, "1 or more");
        Require(Prompts >= 0, nameof(Prompts), Prompts, "0 or more");
        Require(Tolerance >= 0 && double.IsFinite(Tolerance), nameof(Tolerance), Tolerance, "0 or more");
        int fewest = Positions.FewestTokens();
        Require(TokensPerRow == 0 || (TokensPerRow >= fewest && TokensPerRow <= config.ContextLength),
            nameof(TokensPerRow), TokensPerRow, $"0, or {fewest} to the model's context "
                + $"{config.ContextLength}");
        if (config.ContextLength < fewest)
            throw new UserException($"{Field.Of(nameof(Positions))} {Positions.Word()} needs {fewest} "
                + $"tokens; the model's context is {config.ContextLength}; expected "
                + JacobianPositions.All.Word());
        if (Site.Layers(config) == 0)
            throw new UserException($"{Site.Word()} of a model with one layer is the last stream itself; "
                + $"expected {JacobianSite.ResidMid.Word()}");
        return this;
    }

    /// <summary>Returns T, the largest number of tokens of a prompt.</summary>
    internal int TokensAtOnce(ModelConfig config) => TokensPerRow == 0 ? config.ContextLength : TokensPerRow;

    /// <summary>Returns what decides the result, as JSON.</summary>
    internal JsonObject ToJson() => new()
    {
        ["site"] = Site.Word(), ["positions"] = Positions.Word(), ["tokens_per_row"] = TokensPerRow,
        ["prompts"] = Prompts, ["tolerance"] = Tolerance, ["bos"] = Bos,
    };

    static void Require(bool holds, string name, object value, string expected)
    {
        if (!holds)
            throw new UserException($"{Field.Of(name)} is {value}; expected {expected}");
    }
}
