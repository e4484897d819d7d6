using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>lens read</c>: the words of each head at a position of a prompt.</summary>
sealed class LensReadCommand
{
    readonly PromptOptions _prompt = new();
    readonly LensPlaceOptions _places = new(top: 5);
    readonly Option<string> _position = new("--position")
    {
        Description = "the position, from 0; -1 is the last and -2 the one before it", HelpName = "P|last",
        DefaultValueFactory = _ => "last",
    };
    readonly Option<string?> _out = new("--out")
    {
        Description = "a page with all positions to click through", HelpName = "REPORT.html",
    };

    internal static Command Create(GlobalOptions global) => new LensReadCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("read", "Tokens that each head points at: the lens beside the logit lens "
            + "beside the model's own next token");
        _prompt.AddTo(command);
        _places.AddTo(command);
        foreach (Option option in (Option[])[_position, _out])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        Prompt prompt = _prompt.Read(parsed);
        if (prompt.Rows.B != 1)
            throw new UserException($"{prompt.Rows.B} prompts; expected one");
        int[] tokens = prompt.Rows.Row(0).ToArray();
        int position = Position(parsed.GetValue(_position)!, tokens.Length);
        LensPlaces places = _places.Read(parsed, prompt.Folder, prompt.Config);
        string? page = parsed.GetValue(_out);
        if (page is not null)
            OutputFile.Require(page);
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(run, device, prompt.Folder);
        int[] positions = page is null ? [position] : [.. Enumerable.Range(0, tokens.Length)];
        LensReadings? readings = null;
        run.WithProgress("reading", report => readings = LensReadings.OfPrompt(loaded.Model, places.Source,
            places.Request, tokens, positions, share =>
            {
                run.Cancel.ThrowIfCancellationRequested();
                report(share, "");
            }));
        var found = new LensReadFindings(places, new LensText(prompt.Tokenizer), tokens, position, positions,
            readings!, device);
        if (page is not null)
        {
            LensReadReport.Make(found).Save(page);
            found.Made(prompt.Bos).WriteBeside(page);
        }
        if (run.Json)
            run.WriteJson(found.Json());
        else
            Print(run, found);
        if (page is not null)
            run.Remark($"written: {page}");
        return ExitCode.Done;
    }

    static int Position(string text, int length)
    {
        if (text == "last")
            return length - 1;
        bool whole = int.TryParse(
            text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int position);
        return whole && position >= -length && position < length ? (position + length) % length
            : throw new UserException($"--position is {Quoted.Name(text)}; expected last, 0 to {length - 1}, "
                + $"or -1 to -{length} from the end");
    }

    static void Print(Invocation run, LensReadFindings found)
    {
        LensText text = found.Text;
        run.Line($"lens      {found.Places.Text}");
        run.Line($"position  {found.Position} of {found.Tokens.Count}, after "
            + text.Visible(found.Tokens[found.Position]));
        run.Line($"model     {text.List(found.Own)}");
        bool both = !found.Places.Source.IsBaseline;
        foreach ((LayerReading learned, LayerReading baseline) in found.Layers)
        {
            Table table = Invocation.Table([$"layer {learned.Layer}", "favour",
                .. both ? (string[])["the lens"] : [], "logit lens"]);
            foreach (TableColumn column in table.Columns.Skip(2))
                column.LeftAligned();
            foreach ((HeadReading head, HeadReading plain) in learned.Heads.Zip(baseline.Heads))
                Row($"head {head.Head}", head.Words, plain.Words);
            Row(learned.Heads.Count == 0 ? "stream" : "all heads", learned.Whole, baseline.Whole);
            run.Draw(table);

            void Row(string name, IReadOnlyList<LensWords> words, IReadOnlyList<LensWords> plain)
            {
                LensWords own = found.At(words);
                Invocation.Row(table, [name, $"{own.CenteredLogit:+0.00;-0.00;0.00}", text.List(own.Top),
                    .. both ? (string[])[text.List(found.At(plain).Top)] : []]);
            }
        }
        run.Remark($"favour: lens logit of {text.Visible(found.Own[0].Id)}, the model's own next token, less "
            + "the mean over the vocabulary");
    }
}

/// <summary>A prompt read through a lens.</summary>
/// <param name="Places">The lens and what was read of it.</param>
/// <param name="Text">Names of tokens.</param>
/// <param name="Tokens">The prompt.</param>
/// <param name="Position">The one that was asked for.</param>
/// <param name="Positions">Those that were read.</param>
/// <param name="Readings">What was found there.</param>
/// <param name="Device">What it was found on.</param>
sealed record LensReadFindings(LensPlaces Places, LensText Text, IReadOnlyList<int> Tokens, int Position,
    IReadOnlyList<int> Positions, LensReadings Readings, ComputeDevice Device)
{
    /// <summary>The layers that were read, each with its baseline.</summary>
    internal IEnumerable<(LayerReading Learned, LayerReading Baseline)> Layers
        => Readings.Learned.Zip(Readings.Baseline);

    /// <summary>What the model expects after the position.</summary>
    internal IReadOnlyList<ModelToken> Own => At(Readings.Model);

    /// <summary>Of values for each position read, that of the one asked for.</summary>
    internal T At<T>(IReadOnlyList<T> values) => values[Positions.Count == 1 ? 0 : Position];

    /// <summary>What decides the findings.</summary>
    internal Manifest Made(int? bos) => new()
    {
        Command = "lens read",
        Options = new JsonObject
        {
            ["lens"] = Places.Name, ["tokens"] = Numbers(Tokens), ["bos"] = bos, ["position"] = Position,
            ["layers"] = Numbers(Places.Request.Layers), ["heads"] = Numbers(Places.Request.Heads),
            ["top"] = Places.Request.Top,
        },
        ModelHash = Places.ModelHash,
        Device = Device.Name,
        Precision = Device.Precision.ManifestName(),
    };

    internal JsonObject Json() => new()
    {
        ["model_hash"] = Places.ModelHash,
        ["lens"] = LensText.Word(Places.Source.Options.Kind),
        ["tokens"] = Numbers(Tokens),
        ["texts"] = new JsonArray([.. Tokens.Select(t => (JsonNode)Text.Of(t))]),
        ["position"] = Position,
        ["model"] = Text.Json(Own),
        ["layers"] = new JsonArray([.. Layers.Select(l
            => Json(l.Learned.Layer, null, l.Learned.Whole, l.Baseline.Whole))]),
        ["heads"] = new JsonArray([.. Layers.SelectMany(l => l.Learned.Heads.Zip(l.Baseline.Heads,
            (own, plain) => Json(l.Learned.Layer, own.Head, own.Words, plain.Words)))]),
    };

    static JsonArray Numbers(IEnumerable<int> numbers) => [.. numbers.Select(n => (JsonNode)n)];

    JsonObject Json(int layer, int? head, IReadOnlyList<LensWords> words, IReadOnlyList<LensWords> plain)
    {
        var json = new JsonObject { ["layer"] = layer };
        if (head is { } h)
            json["head"] = h;
        json["favour"] = JsonNumber.Of(At(words).CenteredLogit);
        json["top"] = Text.Json(At(words));
        json["logit_lens"] = Text.Json(At(plain));
        return json;
    }
}
