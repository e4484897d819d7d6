using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace HeadTap.Models.Tests;

/// <summary>The table of docs/cli.md is the config's fields and defaults, none more and none less.</summary>
public sealed class TrainingConfigDocsTests
{
    // What must be there, and every optional object; each of two alternatives is in one of them.
    static readonly string[] s_configs =
    [
        """
        {"model": {"layers": 1, "width": 4, "heads": 1, "context": 8, "inner": 8}, "steps": 1,
         "data": {"files": ["a"]}, "tokenizer": {"train_bpe": {"vocab_size": 300}},
         "optimizer": {"adamw": {}}, "schedule": {}, "validation": {"share": 0.1},
         "samples": {"prompts": ["a"]}, "texts": {"lines": true}}
        """,
        """
        {"model": {"from": "m"}, "data": {"atlas": {}}, "tokenizer": {"from": "t"}, "epochs": 1,
         "optimizer": {"sgd": {}}, "validation": {"files": ["v"]}, "texts": {"special": true}}
        """,
    ];

    [Test]
    public void Every_field_has_a_row_and_every_row_is_a_field() =>
        Assert.That(Rows().Keys, Is.EquivalentTo(Fields()));

    [Test]
    public void A_default_on_the_page_is_what_an_absent_field_means()
    {
        (JsonObject Given, JsonObject Whole)[] configs = [.. s_configs.Select(text =>
            (JsonNode.Parse(text)!.AsObject(), Read(text)))];
        Assert.Multiple(() =>
        {
            foreach ((string field, string shown) in Rows())
            {
                JsonNode? value = configs.Where(c => Find(c.Given, field) is null)
                    .Select(c => Find(c.Whole, field)).FirstOrDefault(found => found is not null);
                JsonNode? page = shown == "none" ? null : JsonNode.Parse(shown.Trim('`'));
                Assert.That(Text(page), Is.EqualTo(Text(value)), field);
            }
        });
    }

    static IEnumerable<string> Fields() =>
        from part in TrainingConfig.FieldNames
        from name in part.Value
        let path = part.Key.Length == 0 ? name : $"{part.Key}.{name}"
        where !TrainingConfig.FieldNames.ContainsKey(path)
        select path;

    /// <summary>The default on the page by the field's name.</summary>
    static Dictionary<string, string> Rows()
    {
        string page = File.ReadAllText(Path.Combine(
            Path.GetDirectoryName(ThisFile())!, "..", "..", "..", "docs", "cli.md"));
        string[] section = page.Split("\n## ").Single(s => s.StartsWith("train\n", StringComparison.Ordinal))
            .Split('\n');
        string[][] rows = [.. section.Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(line => line.Split('|', StringSplitOptions.TrimEntries))];
        // Between the two outer bars: name, type, range, default, meaning.
        Assert.That(rows.Where(row => row.Length != 7 || row.Count(cell => cell.Length == 0) != 2), Is.Empty);
        return rows.ToDictionary(row => row[1].Trim('`'), row => row[4]);
    }

    static JsonNode? Find(JsonNode? json, string path) =>
        path.Split('.').Aggregate(json, (node, name) => (node as JsonObject)?[name]);

    // Numbers as numbers: 1e-8 on the page is 1E-08 in JSON.
    static string Text(JsonNode? json) =>
        json is null ? "none"
        : json.GetValueKind() != JsonValueKind.Number ? json.ToJsonString()
        : $"{float.Parse(json.ToJsonString(), CultureInfo.InvariantCulture)}";

    static JsonObject Read(string text)
    {
        using var folder = new TemporaryFolder();
        return TrainingConfig.Read(folder.Write("train.json", text)).ToJson();
    }

    static string ThisFile([CallerFilePath] string path = "") => path;
}
