namespace HeadTap.Jobs;

/// <summary>What the script of every engine needs.</summary>
/// <param name="Dir">Folder of the plan, a whole path.</param>
/// <param name="PlannedIn">Folder where relative paths of the plan begin.</param>
/// <param name="Chunks">Cells of the tasks.</param>
sealed record ScriptFacts(string Dir, string PlannedIn, CellChunks Chunks)
{
    /// <summary>The commands before the program: go where relative paths begin, and unpack the program on the
    /// node, where tasks that start together cannot disturb each other.</summary>
    internal string Begin => $$"""
        cd {{Quoted(PlannedIn)}} || exit 2
        export DOTNET_BUNDLE_EXTRACT_BASE_DIR="${TMPDIR:-/tmp}/headtap-net-$(id -u)"
        """;

    /// <summary>The program and its verb; the variable HEADTAP may name another program.</summary>
    internal string Program => "${HEADTAP:-headtap} sweep run --dir " + Quoted(Dir);

    /// <summary>The option of chunks with a space before it; empty for chunks of one cell.</summary>
    internal string Chunk => Chunks.Size == 1 ? "" : $" --chunk {Chunks.Size}";

    /// <summary>The command that writes the report, from where relative paths begin.</summary>
    internal string Report
        => $"cd {Quoted(PlannedIn)} && " + "${HEADTAP:-headtap} sweep report --dir " + Quoted(Dir);

    /// <summary>What a task does, for the first line of comments.</summary>
    internal string What => $"{Chunks.Words}, {Chunks.Count} task{(Chunks.Count == 1 ? "" : "s")}";

    /// <summary>A text as one word of a shell.</summary>
    internal static string Quoted(string text) => $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>A text as a string of Python.</summary>
    internal static string Python(string text)
        => "\"" + text.Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("\"", "\\\"", StringComparison.Ordinal) + "\"";
}
