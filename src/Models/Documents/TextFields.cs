using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Which fields of a row are its text: one, or a prompt and its continuation. Unless they are named, the
/// names of published data sets are known: text; prompt, question, input, query or instruction with
/// continuation, completion, answer, output, response, target or gt (TOFU, MUSE, LUME).
/// </summary>
public sealed class TextFields
{
    static readonly string[] s_prompts =
        ["prompt_text", "prompt", "question", "input", "query", "instruction"];
    static readonly string[] s_continuations =
        ["continuation", "completion", "answer", "output", "response", "target", "gt"];

    readonly string? _prompt, _continuation; // null where the usual names count

    TextFields(string? prompt, string? continuation) => (_prompt, _continuation) = (prompt, continuation);

    /// <summary>The names of published data sets.</summary>
    public static TextFields Usual { get; } = new(null, null);

    /// <summary>Parses <c>body</c> or <c>question,answer</c>.</summary>
    /// <param name="names">One or two names; null for <see cref="Usual"/>.</param>
    /// <param name="option">Name of the option, for the message.</param>
    /// <exception cref="UserException">There are not one or two names.</exception>
    public static TextFields Parse(string? names, string option) =>
        names?.Split(',', StringSplitOptions.TrimEntries) switch
        {
            null => Usual,
            [{ Length: > 0 } text] => new(text, null),
            [{ Length: > 0 } prompt, { Length: > 0 } continuation] => new(prompt, continuation),
            _ => throw new UserException($"{Field.Of(option)} is {Quoted.Name(names!)}; expected the name of "
                + "the text, or those of prompt and continuation with a comma between"),
        };

    /// <summary>Returns the text of a row, and removes the fields that it is made of.</summary>
    /// <param name="texts">Fields of the row that are text, by name.</param>
    /// <param name="others">Names of its fields that are something else.</param>
    /// <param name="place">Place of the row, which begins a message.</param>
    /// <exception cref="UserException">A named field is missing, or the names do not decide.</exception>
    internal TextRecord Take(Dictionary<string, string> texts, IEnumerable<string> others, string place)
    {
        if (_prompt is not null)
        {
            string named = Named(texts, _prompt, place);
            return new TextRecord(named, _continuation is null ? null
                : After(named, Named(texts, _continuation, place)), place);
        }
        if (texts.Remove("text", out string? text))
            return texts.Remove("prompt_text", out string? before)
                ? new TextRecord(before, text, place) : new TextRecord(text, null, place);
        string prompt = One(texts, s_prompts, place) ?? throw new UserException(
            $"{place} has no \"text\"; it has {Found(texts)}; expected {{\"text\": \"...\"}}, or a prompt "
            + $"and its continuation, or their names in {Field.Of("Fields")}.");
        string? continuation = One(texts, s_continuations, place);
        return continuation is not null ? new TextRecord(prompt, After(prompt, continuation), place)
            : new TextRecord(prompt, null, place)
            {
                IsPromptAlone = true, NoText = others.FirstOrDefault(s_continuations.Contains),
            };
    }

    // Published rows hold the two texts without what stands between them.
    static string After(string prompt, string continuation) => prompt.Length == 0 || continuation.Length == 0
        || char.IsWhiteSpace(prompt[^1]) || char.IsWhiteSpace(continuation[0])
            ? continuation : " " + continuation;

    static string Named(Dictionary<string, string> texts, string field, string place) =>
        texts.Remove(field, out string? text) ? text : throw new UserException(
            $"{place} has no text {Quoted.Name(field)}, which {Field.Of("Fields")} names; it has "
            + Found(texts));

    static string Found(Dictionary<string, string> texts)
        => texts.Count == 0 ? "no other field that is text"
            : string.Join(", ", texts.Keys.Take(12).Select(Quoted.Name));

    static string? One(Dictionary<string, string> texts, string[] names, string place)
    {
        string[] found = [.. names.Where(texts.ContainsKey)];
        // Alpaca's rows have an instruction and an input, which may be empty.
        if (found.Length > 1 && found.Any(name => texts[name].Length > 0))
            found = [.. found.Where(name => texts[name].Length > 0)];
        if (found.Length > 1)
            throw new UserException($"{place} has {string.Join(" and ", found.Select(Quoted.Name))}; "
                + $"expected one of them, or the right names in {Field.Of("Fields")}");
        return found.Length == 1 && texts.Remove(found[0], out string? text) ? text : null;
    }
}

/// <summary>A text from a file, or a prompt with its continuation.</summary>
/// <param name="Text">The text or the prompt.</param>
/// <param name="Continuation">What follows the prompt, with what stands between them; null for one
/// text.</param>
/// <param name="Place">File and line, for messages.</param>
public sealed record TextRecord(string Text, string? Continuation, string Place)
{
    /// <summary>Whether the row names its text a prompt and has no continuation.</summary>
    public bool IsPromptAlone { get; init; }

    /// <summary>The field of such a row that would be its continuation, if it were text; null for
    /// none.</summary>
    public string? NoText { get; init; }

    /// <summary>Prompt and continuation as one text.</summary>
    public string Whole => Text + Continuation;
}
