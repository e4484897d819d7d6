using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>inject run</c>: one prompt, without and with a memory.</summary>
sealed class InjectRunCommand
{
    readonly Option<string?> _memory = new("--memory") { Description = "the memory, as it stands: "
        + "a space that belongs to it is written", HelpName = "S" };
    readonly Option<string?> _memoryIds = new("--memory-ids") { Description = "the memory as token ids",
        HelpName = "1,2" };
    readonly Option<string?> _answer =
        new("--answer") { Description = "the answer; the first token of a space "
        + "and it is scored", HelpName = "S" };
    readonly Option<int?> _answerId =
        new("--answer-id") { Description = "the answer as a token id", HelpName = "N" };
    readonly Option<string> _layer = new("--layer") { Description = "the layer, from 0; several with commas",
        HelpName = "L", Required = true };
    readonly Option<float> _tau = GlobalOptions.Number("--tau", 3f, "the magnitude");
    readonly Option<bool> _relative = new("--relative") { Description = "tau in units of the stream's norm" };
    readonly Option<string> _encoder = new("--encoder") { Description = "unembed, embed or layer",
        DefaultValueFactory = _ => "unembed" };
    readonly Option<string> _weights = InjectCommand.WeightsOption();
    readonly Option<string> _site =
        new("--site") { Description = "attn_out, result, mlp_out, resid_pre, resid_mid "
        + "or resid_post", DefaultValueFactory = _ => "attn_out" };
    readonly Option<int?> _head = new("--head") { Description = "the head of --site result", HelpName = "H" };
    readonly Option<string> _position = new("--position") { Description = "all, last, or a span like 2-4",
        DefaultValueFactory = _ => "all" };
    readonly Option<int> _top = GlobalOptions.Number("--top", 10, "tokens to list");
    readonly Option<string?> _editOut =
        new("--edit-out") { Description = "writes the injection as an edit spec, for "
        + "trace --edit and generate --edit", HelpName = "SPEC.json" };

    internal static Command Create(GlobalOptions global) => new InjectRunCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var prompt = new PromptOptions();
        var command = new Command("run",
            "One prompt: next tokens and the answer's standing before and after");
        prompt.AddTo(command);
        foreach (Option option in (Option[])[_memory, _memoryIds, _answer, _answerId, _layer,
            _tau, _relative, _encoder,
            _weights, _site, _head, _position, _top, _editOut])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), prompt.Read(parsed), parsed));
        return command;
    }

    int Run(Invocation run, Prompt prompt, ParseResult parsed)
    {
        if (prompt.Rows.B != 1)
            throw new UserException($"{prompt.Rows.B} prompts; expected one");
        int[] tokens = prompt.Rows.Row(0).ToArray();
        bool processed = InjectCommand.Processed(parsed.GetValue(_weights)!);
        int answer = ReadAnswer(prompt, parsed), top = parsed.GetValue(_top);
        Memory[] memories = ReadMemories(prompt, tokens, parsed);
        if (top < 1 || top > prompt.Config.VocabSize)
            throw new UserException($"--top is {top}; expected 1 to {prompt.Config.VocabSize}");
        string? spec = parsed.GetValue(_editOut);
        if (spec is not null)
            AtomicFile.RequireWritable(spec);
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(run, device, prompt.Folder, processed);
        if (parsed.GetValue(_relative))
            memories = [.. memories.Select(m => m.RelativeToStream(loaded.Model, tokens))];
        Injection found = Injection.Run(loaded.Model, tokens, answer, memories, top);
        if (spec is not null)
            EditSpec.Write(spec, found.Edits);
        if (run.Json)
            run.WriteJson(Json(prompt, answer, memories, found));
        else
            Print(run, prompt, answer, found);
        return ExitCode.Done;
    }

    int ReadAnswer(Prompt prompt, ParseResult parsed)
    {
        (string? text, int? id) = (parsed.GetValue(_answer), parsed.GetValue(_answerId));
        if (text is null == id is null)
            throw new UserException(text is null ? "no answer; expected --answer or --answer-id"
                : "two answers; expected --answer or --answer-id");
        int V = prompt.Config.VocabSize;
        if (id is { } given)
            return given >= 0 && given < V ? given
                : throw new UserException($"--answer-id is {given}; expected a token id from 0 to {V - 1}");
        // As the paper does: a space before every answer, and its first token is scored.
        int[] ids = text!.Trim().Length == 0 ? [] : Tokenizer(prompt, "--answer").Encode(" " + text.Trim());
        if (ids.Length == 0 || ids[0] >= V)
            throw new UserException($"--answer is {Quoted.Name(text)}, which is no token of this vocabulary");
        return ids[0];
    }

    Memory[] ReadMemories(Prompt prompt, int[] tokens, ParseResult parsed)
    {
        ModelConfig config = prompt.Config;
        (string? text, string? ids) = (parsed.GetValue(_memory), parsed.GetValue(_memoryIds));
        if (text is null == ids is null)
            throw new UserException(text is null ? "no memory; expected --memory or --memory-ids"
                : "two memories; expected --memory or --memory-ids");
        int[] memory = ids is not null ? TokenRowsFile.ParseIds(ids, "--memory-ids")
            : Tokenizer(prompt, "--memory").Encode(text!);
        if (memory.Length == 0)
            throw new UserException((text is null ? "--memory-ids" : "--memory")
                + " has no tokens; expected at least one");
        float tau = parsed.GetValue(_tau);
        SiteKind target = InjectCommand.Target(parsed.GetValue(_site)!);
        int? head = parsed.GetValue(_head);
        if (head is not null && target != SiteKind.Result)
            throw new UserException("--head belongs to --site result; leave it out");
        MemoryEncoder encoder = InjectCommand.Encoder(parsed.GetValue(_encoder)!);
        EditPositions positions = InjectCommand.Positions(parsed.GetValue(_position)!, tokens.Length);
        Memory[] memories = [.. InjectCommand.Layers(parsed.GetValue(_layer)!, config).Select(layer =>
            new Memory(memory, layer, tau)
            {
                Encoder = encoder, Target = target, Head = head, Positions = positions,
            })];
        foreach (int token in memory)
            if (token >= config.VocabSize)
                throw new UserException(
                    $"the memory's token {token} is outside the vocabulary of {config.VocabSize}");
        if (encoder != MemoryEncoder.Layer) // else it needs the model; the layer's own vector always fits
            foreach (Memory m in memories)
                m.ToEdit().Validate(config);
        return memories;
    }

    static ByteBpeTokenizer Tokenizer(Prompt prompt, string option) => prompt.Tokenizer
        ?? throw new UserException($"{prompt.Folder}: no tokenizer files; give "
            + $"{option}-{(option == "--answer" ? "id" : "ids")}");

    static JsonObject Json(Prompt prompt, int answer, Memory[] memories, Injection found) => new()
    {
        ["answer_id"] = answer,
        ["answer"] = prompt.Text([answer]),
        ["memory_ids"] = new JsonArray([.. memories[0].Tokens.Select(t => (JsonNode)t)]),
        ["layers"] = new JsonArray([.. memories.Select(m => (JsonNode)m.Layer)]),
        ["tau"] = new JsonArray([.. memories.Select(m => (JsonNode)m.Tau)]),
        ["p_before"] = found.Before.Probability,
        ["p_after"] = found.After.Probability,
        ["rank_before"] = found.Before.Rank,
        ["rank_after"] = found.After.Rank,
        ["surprisal_before"] = found.Before.Surprisal,
        ["surprisal_after"] = found.After.Surprisal,
        ["top_before"] = TopJson(prompt, found.Before),
        ["top_after"] = TopJson(prompt, found.After),
        ["edit"] = EditSpec.ToJson(found.Edits),
    };

    static JsonArray TopJson(Prompt prompt, AnswerStanding standing)
        => new([.. standing.Top.Select(t => new JsonObject
    {
        ["id"] = t.Token, ["text"] = prompt.Text([t.Token]), ["p"] = t.Probability,
    })]);

    static void Print(Invocation run, Prompt prompt, int answer, Injection found)
    {
        Table table = Invocation.Table("before", "p", "after", "p ");
        foreach ((TokenChance before, TokenChance after) in found.Before.Top.Zip(found.After.Top))
            Invocation.Row(table, PromptOptions.Visible(prompt.Text([before.Token])),
                $"{before.Probability:P2}",
                PromptOptions.Visible(prompt.Text([after.Token])), $"{after.Probability:P2}");
        run.Draw(table);
        run.Line($"answer     {PromptOptions.Visible(prompt.Text([answer]))} ({answer})");
        run.Line($"p          {found.Before.Probability:P3} -> {found.After.Probability:P3}");
        run.Line($"rank       {found.Before.Rank} -> {found.After.Rank}");
        run.Line($"surprisal  {found.Before.Surprisal:0.000} -> {found.After.Surprisal:0.000} nats");
    }
}
