using System.Globalization;
using HeadTap.Runtime;

namespace HeadTap.Gpu;

/// <summary>The command line.</summary>
sealed record Options
{
    const string Usage = "expected tests, bench or estimate, then --device NAME, --only TEXT, --small, "
        + "--repeats N, --out FOLDER, --blocks N, --card NAME, --python COMMAND, --no-compile, --driver TEXT";

    /// <summary><c>tests</c>, <c>bench</c> or <c>estimate</c>.</summary>
    public required string Verb { get; init; }

    /// <summary>A name <see cref="ComputeDevice.Open(string)"/> takes.</summary>
    public string Device { get; init; } = "cuda";

    /// <summary>Part of a test's name or of a bench's; empty for all.</summary>
    public string Only { get; init; } = "";

    /// <summary>Sizes that a CPU runs in seconds: to try the program, not to time anything.</summary>
    public bool Small { get; init; }

    /// <summary>Turns of each side.</summary>
    public int Repeats { get; init; } = 7;

    /// <summary>Of a launch, as many blocks run for an estimate.</summary>
    public int Blocks { get; init; } = 4;

    /// <summary>
    /// Whose estimate a measurement is set against; empty for the card that the device names.
    /// </summary>
    public string Card { get; init; } = "";

    /// <summary>Rows are appended below this folder.</summary>
    public string Out { get; init; } = Path.Combine("bench", "results");

    /// <summary>A Python that may have PyTorch; empty for no peer.</summary>
    public string Python { get; init; } = "python3";

    /// <summary>Whether the peer is also timed under torch.compile.</summary>
    public bool Compile { get; init; } = true;

    /// <summary>The driver's version, for the rows.</summary>
    public string Driver { get; init; } = "";

    /// <exception cref="UserException">An option is unknown or its value is missing.</exception>
    public static Options Parse(string[] args)
    {
        if (args is not ["tests" or "bench" or "estimate", ..])
            throw new UserException(Usage);
        var options = new Options { Verb = args[0] };
        for (int i = 1; i < args.Length; i++)
        {
            string name = args[i];
            string Value() => ++i < args.Length ? args[i] : throw new UserException($"{name} needs a value");
            options = name switch
            {
                "--device" => options with { Device = Value() },
                "--only" => options with { Only = Value() },
                "--small" => options with { Small = true },
                "--repeats" => options with { Repeats = Count(name, Value()) },
                "--blocks" => options with { Blocks = Count(name, Value()) },
                "--card" => options with { Card = CardName(Value()) },
                "--out" => options with { Out = Value() },
                "--python" => options with { Python = Value() },
                "--no-compile" => options with { Compile = false },
                "--driver" => options with { Driver = Value() },
                _ => throw new UserException($"{name} is no option; {Usage}"),
            };
        }
        return options;
    }

    static string CardName(string value)
        => Gpu.Card.Of(value) is { } card && card.Name == value ? value
            : throw new UserException($"--card is {value}; expected "
                + string.Join(", ", Gpu.Card.All.Select(c => c.Name)));

    static int Count(string name, string value)
        => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count > 0
            ? count
            : throw new UserException($"{name} is {value}; expected a number of at least 1");
}
