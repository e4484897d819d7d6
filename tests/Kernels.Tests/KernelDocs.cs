using System.Text;
using HeadTap.OpCases;

namespace HeadTap.Kernels.Tests;

/// <summary>
/// docs/kernels.md: the entries between the comments "ops: Room" and "end" come from the cases, the text
/// around them is written by hand.
/// </summary>
static class KernelDocs
{
    const int Width = 120;

    /// <summary>The repository's root.</summary>
    public static string Root => PtxAssembler.Root;

    /// <summary>The file.</summary>
    public static string Path => System.IO.Path.Combine(Root, "docs", "kernels.md");

    /// <summary>The file's text with fresh entries.</summary>
    public static string Renewed(string text)
    {
        foreach (IGrouping<string, OpCase> room in OpCase.All.GroupBy(c => c.Room))
        {
            string begin = $"<!-- ops: {room.Key} -->\n";
            int from = text.IndexOf(begin, StringComparison.Ordinal);
            if (from < 0)
                throw new InvalidOperationException($"docs/kernels.md has no line {begin}");
            from += begin.Length;
            int to = text.IndexOf("<!-- end -->", from, StringComparison.Ordinal);
            text = text[..from] + string.Join('\n', room.Select(Entry)) + text[to..];
        }
        return text;
    }

    static string Entry(OpCase op)
    {
        OpInstance any = op.Benches.FirstOrDefault() ?? op.Small.Last();
        string[] grid = op.Grid.Split(" / ", 2);
        string names = string.Join(", ", op.Kernels.Select(k => $"`{k.Name}`"));
        string tests = op.Tests is null ? "`OpCaseTests`" : $"`OpCaseTests`, `{op.Tests}`";
        string benches = string.Join(", ", op.Benches.Select(b => $"`{b.BenchName}`").Distinct());
        StringBuilder text = new();
        Line(text, "- ", $"**`{op.Name}`**: {op.Formula}");
        Line(text, "  - ", $"shapes: {op.ShapesText}");
        string items = grid.Length > 1 ? $"; host items: {grid[1]}" : "";
        Line(text, "  - ", $"kernels: {names}: {grid[0]}{items}");
        Line(text, "  - ", $"bytes {any.Bytes.Text}; flops {any.Flops.Text}; exactness: {op.ExactnessText}");
        Line(text, "  - ", $"tests: {tests}" + (benches.Length > 0 ? $"; bench: {benches}" : ""));
        return text.ToString();
    }

    // Breaks at blanks outside of code.
    static void Line(StringBuilder text, string indent, string words)
    {
        string line = indent;
        bool first = true;
        foreach (string word in Words(words))
        {
            if (!first && line.Length + 1 + word.Length > Width)
            {
                text.Append(line).Append('\n');
                line = new string(' ', indent.Length) + word;
                continue;
            }
            line += first ? word : " " + word;
            first = false;
        }
        text.Append(line).Append('\n');
    }

    static IEnumerable<string> Words(string text)
    {
        string word = "";
        foreach (string part in text.Split(' '))
        {
            word = word.Length == 0 ? part : word + " " + part;
            if (word.Count(c => c == '`') % 2 == 0)
            {
                yield return word;
                word = "";
            }
        }
        if (word.Length > 0)
            yield return word;
    }
}

/// <summary>docs/kernels.md says what the cases say.</summary>
public class KernelDocsTests
{
    [Test]
    public void The_entries_are_those_of_the_cases()
    {
        string text = File.ReadAllText(KernelDocs.Path);
        string renewed = KernelDocs.Renewed(text);
        if (Environment.GetEnvironmentVariable("HEADTAP_WRITE_DOCS") == "1")
            File.WriteAllText(KernelDocs.Path, renewed);
        else
            Assert.That(text, Is.EqualTo(renewed), "HEADTAP_WRITE_DOCS=1 rewrites the entries");
    }
}
