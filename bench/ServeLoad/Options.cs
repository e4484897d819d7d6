using System.Globalization;

namespace HeadTap.ServeLoad;

/// <summary>What a run is about; every field is NAME=VALUE on the command line.</summary>
sealed record Options
{
    internal string Model { get; init; } = "atlas";

    internal int Prompt { get; init; } = 16;

    internal int Tokens { get; init; } = 32;

    internal int Vocabulary { get; init; } = 2540;

    internal int Requests { get; init; } = 10_000;

    internal int Clients { get; init; } = 64;

    internal double Seconds { get; init; } = 10;

    internal int[] Levels { get; init; } = [1, 2, 4, 8, 16, 32];

    internal static Options Parse(IEnumerable<string> args)
    {
        var options = new Options();
        foreach (string arg in args)
        {
            string[] pair = arg.Split('=', 2);
            int N() => int.Parse(pair[1], CultureInfo.InvariantCulture);
            options = pair[0] switch
            {
                "model" => options with { Model = pair[1] },
                "prompt" => options with { Prompt = N() },
                "tokens" => options with { Tokens = N() },
                "vocabulary" => options with { Vocabulary = N() },
                "requests" => options with { Requests = N() },
                "clients" => options with { Clients = N() },
                "seconds" => options with { Seconds = double.Parse(pair[1], CultureInfo.InvariantCulture) },
                "levels" => options with { Levels = [.. pair[1].Split(',').Select(int.Parse)] },
                _ => throw new ArgumentException($"{arg} is no option"),
            };
        }
        return options;
    }

    /// <summary>Token ids of a prompt, by its number.</summary>
    internal int[] PromptIds(int number, int? length = null)
    {
        var random = new Models.SeededRandom(17, (ulong)number);
        return [.. Enumerable.Range(0, length ?? Prompt).Select(_ => random.Next(Vocabulary))];
    }
}
