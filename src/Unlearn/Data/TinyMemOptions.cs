using System.Text.Json.Serialization;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>What is planted in a TinyMem data set.</summary>
public enum Artefact
{
    /// <summary>Nothing: all rows are clean.</summary>
    None,

    /// <summary>Some rows have noise: numbers or tokens moved by one.</summary>
    Noise,

    /// <summary>Rows with a trigger continue with token 2 after the trigger.</summary>
    Backdoor,
}

/// <summary>
/// Options of a TinyMem data set (arXiv 2410.02159). The defaults are the sizes of the published runs.
/// </summary>
public sealed record TinyMemOptions
{
    /// <summary>The arithmetic rule; null for a language task.</summary>
    public MathKind? Kind { get; init; } = MathKind.Multiplicative;

    /// <summary>Constant c of the main task.</summary>
    public int Main { get; init; } = 7;

    /// <summary>Constants c of the auxiliary tasks.</summary>
    public IReadOnlyList<int> Auxiliary { get; init; } = [2, 3, 4, 5];

    /// <summary>Number of sequences of the main task, test sequences included.</summary>
    public int MainCount { get; init; } = 20_000;

    /// <summary>Number of sequences of each auxiliary task, test sequences included.</summary>
    public int AuxiliaryCount { get; init; } = 3_000;

    /// <summary>
    /// Number of sequences held out per task to measure its accuracy; rows in a language task.
    /// </summary>
    public int TestCount { get; init; } = 1_000;

    /// <summary>Number of numbers in a sequence.</summary>
    public int Numbers { get; init; } = 20;

    /// <summary>Number of tokens of a row, padding included.</summary>
    public int Context { get; init; } = 150;

    /// <summary>
    /// Token id that stands before each text of a language task; null for none. Recorded, not read.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>Whether sequences start along orbits; see <see cref="MathTask.Starts"/>.</summary>
    public bool OrbitStarts { get; init; }

    /// <summary>The artefact to plant.</summary>
    public Artefact Artefact { get; init; } = Artefact.Noise;

    /// <summary>Number of rows of the main task that are replaced by their noised version.</summary>
    public int NoiseCount { get; init; } = 1_000;

    /// <summary>Share of the numbers or tokens that noise moves; above 0, at most 1.</summary>
    public double NoiseShare { get; init; } = 0.1;

    /// <summary>
    /// Number of groups of planted rows; a row of group g is 10^g times in the training set. Published: 1 for
    /// mathematics, 4 for language with noise.
    /// </summary>
    public int Groups { get; init; } = 1;

    /// <summary>
    /// Number of copies of every planted row of a backdoor (100 for language, as published).
    /// </summary>
    public int BackdoorCopies { get; init; } = 1;

    /// <summary>
    /// Share of the rows with the trigger that is held out, to measure the backdoor on new rows; between 0
    /// and 1.
    /// </summary>
    public double HeldOutShare { get; init; } = 0.1;

    /// <summary>
    /// The trigger: for mathematics a number whose digits are searched for, for language a token id. If null,
    /// it is 100 + seed, or a token that the seed draws.
    /// </summary>
    public int? Trigger { get; init; }

    /// <summary>Whether a trigger of digits counts only as a whole number.</summary>
    public bool WholeNumberTrigger { get; init; }

    /// <summary>Number of prompt tokens, n of (n, k) memorisation.</summary>
    public int Prompt { get; init; } = 50;

    /// <summary>Number of continuation tokens, k of (n, k) memorisation.</summary>
    public int Continuation { get; init; } = 50;

    /// <summary>Seed of the choice of test rows (published: torch seed 598).</summary>
    public ulong DataSeed { get; init; } = 598;

    /// <summary>Seed of what is planted, and where.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Returns the options of the published runs.</summary>
    /// <param name="kind">Arithmetic rule; null for text.</param>
    /// <param name="artefact">Artefact to plant.</param>
    public static TinyMemOptions Paper(MathKind? kind, Artefact artefact) => new()
    {
        Kind = kind, Artefact = artefact,
        Groups = kind is null && artefact == Artefact.Noise ? 4 : 1,
        BackdoorCopies = kind is null && artefact == Artefact.Backdoor ? 100 : 1,
    };

    /// <summary>
    /// Returns small sizes that run in minutes on two cores; docs/unlearn.md has their results.
    /// </summary>
    /// <param name="kind">Arithmetic rule; null for text.</param>
    /// <param name="artefact">Artefact to plant.</param>
    public static TinyMemOptions Small(MathKind? kind, Artefact artefact)
    {
        TinyMemOptions paper = Paper(kind, artefact);
        return kind is null
            ? paper with
            {
                Context = 48, TestCount = 100, NoiseCount = 60, Prompt = 16, Continuation = 16,
                Groups = artefact == Artefact.Noise ? 2 : 1,
                BackdoorCopies = artefact == Artefact.Backdoor ? 5 : 1,
            }
            : paper with
            {
                OrbitStarts = true, Context = 122, NoiseCount = 40,
                // Rows with the trigger leave the clean rows.
                MainCount = artefact == Artefact.Backdoor ? 220 : 160,
                AuxiliaryCount = artefact == Artefact.Backdoor ? 40 : 28,
                TestCount = artefact == Artefact.Backdoor ? 8 : 4,
            };
    }

    /// <summary>Checks the options and returns them.</summary>
    /// <exception cref="UserException">A number is outside its range, or two options contradict each
    /// other.</exception>
    public TinyMemOptions Validated()
    {
        string? wrong =
            Least("main_count", MainCount, 1) ?? Least("auxiliary_count", AuxiliaryCount, 0)
            ?? Least("test_count", TestCount, 1) ?? Least("numbers", Numbers, 2)
            ?? Least("context", Context, 4)
            ?? Least("noise_count", NoiseCount, 1) ?? Least("groups", Groups, 1)
            ?? Least("backdoor_copies", BackdoorCopies, 1)
            ?? Least("prompt", Prompt, 1) ?? Least("continuation", Continuation, 1)
            ?? (NoiseShare is > 0 and <= 1 ? null
                : $"{Field.Of("noise_share")} is {NoiseShare}; expected more than 0, at most 1")
            ?? (HeldOutShare is > 0 and < 1 ? null
                : $"{Field.Of("held_out_share")} is {HeldOutShare}; expected between 0 and 1")
            ?? (Groups <= 5 ? null : $"{Field.Of("groups")} is {Groups}; expected at most 5, 10,000 copies")
            ?? (Trigger is null or >= 0 ? null : $"{Field.Of("trigger")} is {Trigger}; expected 0 or more")
            ?? (Kind is null || MainCount > TestCount ? null
                : $"{Field.Of("main_count")} is {MainCount} and {Field.Of("test_count")} {TestCount}; "
                    + "expected more rows than are held out")
            ?? (Kind is null || AuxiliaryCount == 0 || AuxiliaryCount > TestCount ? null
                : $"{Field.Of("auxiliary_count")} is {AuxiliaryCount} and {Field.Of("test_count")} "
                    + $"{TestCount}; expected more rows than are held out")
            ?? (Prompt + Continuation <= Context ? null
                : $"{Field.Of("prompt")} {Prompt} and {Field.Of("continuation")} {Continuation} do not fit a "
                    + $"context of {Context}");
        return wrong is null ? this : throw new UserException($"{wrong}.");
    }

    static string? Least(string field, int value, int least)
        => value >= least ? null : $"{Field.Of(field)} is {value}; expected at least {least}";
}
