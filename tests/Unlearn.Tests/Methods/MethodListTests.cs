using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace HeadTap.Unlearn.Tests;

/// <summary>
/// docs/unlearn.md lists methods and regularisers as they declare themselves. To write the lists anew:
/// <c>HEADTAP_WRITE_METHODS=1 dotnet test -c Release tests/Unlearn.Tests --filter MethodListTests</c>.
/// </summary>
public sealed class MethodListTests
{
    const int Columns = 120;

    [TestCase("weights")]
    [TestCase("others")]
    [TestCase("regularisers")]
    public void The_page_lists_what_is_declared(string list)
    {
        string path = Page(), page = File.ReadAllText(path);
        string begin = $"<!-- {list}: written by MethodListTests -->\n", end = $"<!-- end of {list} -->\n";
        int from = page.IndexOf(begin, StringComparison.Ordinal) + begin.Length;
        int to = page.IndexOf(end, StringComparison.Ordinal);
        Assert.That(from >= begin.Length && to >= from, $"{list}: the page has its two comments");
        string declared = "\n" + string.Concat(Declared(list)) + "\n";
        if (Environment.GetEnvironmentVariable("HEADTAP_WRITE_METHODS") == "1")
            File.WriteAllText(path, page[..from] + declared + page[to..]);
        else
            Assert.That(page[from..to], Is.EqualTo(declared));
    }

    [Test]
    public void Every_declaration_says_what_it_is()
    {
        IDeclaredMethod[] all = [.. MethodCatalog.All, .. RegulariserCatalog.All];
        foreach (IDeclaredMethod method in all)
        {
            Assert.That(method.Paper, Is.Not.Empty, method.Name);
            Assert.That(method.Equation, Is.Not.Empty, method.Name);
            Assert.That(method.Options.Select(o => o.Name), Is.Unique, method.Name);
            foreach (MethodOption option in method.Options)
            {
                Assert.That(option.Meaning, Is.Not.Empty, $"{method.Name} {option.Name}");
                Assert.That(option.DefaultText, Is.Not.Empty, $"{method.Name} {option.Name}");
                if (option.Default is { } value)
                    Assert.That(() => option.Checked(value), Throws.Nothing, $"{method.Name} {option.Name}");
                Assert.That(() => option.Checked(double.NaN), Throws.Exception, "NaN is in no range");
            }
        }
    }

    static IEnumerable<string> Declared(string list) => list switch
    {
        "regularisers" => RegulariserCatalog.All.Select(
            r => Entry(r, FileOf(r.Make.Method.DeclaringType!), "")),
        _ => MethodCatalog.All
            .Where(m => (m.Family is MethodFamily.Weight or MethodFamily.Control) == (list == "weights"))
            .Select(m => Entry(m, m.GetType().Name, $" Budget: a share {m.BudgetOf}.")),
    };

    // A regulariser is made by a lambda, whose class lies in the regulariser.
    static string FileOf(Type type) => (type.DeclaringType ?? type).Name;

    static string Entry(IDeclaredMethod method, string file, string budget)
        => Wrapped($"- **`{method.Name}`** (`{file}.cs`; {method.Paper}): {method.Equation}.{budget}", "  ")
            + string.Concat(method.Options.Select(o => Wrapped(
                $"  - `--{JsonNamingPolicy.KebabCaseLower.ConvertName(o.Name)}`: {o.Meaning}; "
                + $"{o.Range.Text}; {o.DefaultText} unless given", "    ")));

    // Signs stay with the word before them: a line that begins with "- " would be an item of a list.
    static string Wrapped(string text, string indent)
    {
        int mark = text.IndexOf('-', StringComparison.Ordinal) + 2;
        string[] words = [.. text[mark..].Replace(" - ", "\0- ", StringComparison.Ordinal)
            .Replace(" + ", "\0+ ", StringComparison.Ordinal).Split(' ').Select(w => w.Replace('\0', ' '))];
        var lines = new StringBuilder(text[..mark]).Append(words[0]);
        int column = lines.Length;
        foreach (string word in words[1..])
        {
            bool fits = column + 1 + word.Length <= Columns;
            lines.Append(fits ? " " : "\n" + indent).Append(word);
            column = (fits ? column + 1 : indent.Length) + word.Length;
        }
        return lines.Append('\n').ToString();
    }

    static string Page([CallerFilePath] string here = "")
        => Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "..", "docs", "unlearn.md");
}
