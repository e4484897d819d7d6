using System.Text.Json;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Serve;

/// <summary>
/// Turns the options of a job's request into arguments of the program. A path is the name of a served model,
/// the id of a file, <c>JOB/PATH</c> for what another job of the same key wrote, or a path in the job's own
/// folder; there are no others.
/// </summary>
sealed class JobArguments(ServedModels models, FileStore files, Func<Caller, string, string?> jobFolder)
{
    const int LongestText = 1 << 16; // of one argument; the system takes twice that

    /// <summary>Files that the job reads, by the path they have in its folder.</summary>
    internal Dictionary<string, string> Inputs { get; } = new(StringComparer.Ordinal);

    /// <summary>Folders of models and other jobs that it reads.</summary>
    internal List<string> Folders { get; } = [];

    /// <summary>Returns the arguments.</summary>
    /// <param name="caller">Whose job it is.</param>
    /// <param name="verb">The verb.</param>
    /// <param name="options">Values by the options' names, with or without dashes.</param>
    /// <param name="work">The job's folder.</param>
    /// <exception cref="ApiError">400: an option is not known or its value is not allowed; 404: there is no
    /// such file.</exception>
    internal IReadOnlyList<string> Of(Caller caller, JobVerb verb, JsonElement options, string work)
    {
        List<string> arguments = [.. verb.Name.Split(' ')];
        foreach (JsonProperty given in options.EnumerateObject())
        {
            string name = given.Name.StartsWith("--", StringComparison.Ordinal) ? given.Name
                : "--" + given.Name;
            JobOption option = verb.Options.FirstOrDefault(o => o.Name == name)
                ?? throw ApiError.BadRequest($"{Quoted.Name(verb.Name)} has no option {Quoted.Name(name)} "
                    + $"for jobs{NearestName.Hint(name, verb.Options.Select(o => o.Name))}", "options");
            if (option.Kind == JobOptionKind.Flag)
            {
                if (given.Value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
                    throw JsonFieldsOfBody.Wrong(given.Name, given.Value, "true or false");
                if (given.Value.ValueKind == JsonValueKind.True)
                    arguments.Add(name);
                continue;
            }
            foreach (string text in Texts(option, given))
                // One argument: a value that begins with a dash is no option.
                arguments.Add($"{name}={Value(caller, option, text, work)}");
        }
        return arguments;
    }

    static IEnumerable<string> Texts(JobOption option, JsonProperty given)
    {
        if (given.Value.ValueKind == JsonValueKind.Array && option.IsMany)
            return [.. given.Value.EnumerateArray().Select(v => Text(given.Name, v))];
        return [Text(given.Name, given.Value)];
    }

    static string Text(string name, JsonElement value)
    {
        string text = value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!,
            JsonValueKind.Number => value.GetRawText(),
            _ => throw JsonFieldsOfBody.Wrong(name, value, "a text or a number"),
        };
        if (text.Contains('\0') || text.Length > LongestText)
            throw ApiError.BadRequest($"\"{name}\" has a zero character or more than {LongestText} "
                + "characters", name);
        return text;
    }

    string Value(Caller caller, JobOption option, string text, string work) => option.Kind switch
    {
        JobOptionKind.Value => text,
        _ when option.HasCommas => string.Join(',', text.Split(',').Select(p => At(caller, option, p, work))),
        _ => At(caller, option, text, work),
    };

    string At(Caller caller, JobOption option, string text, string work)
    {
        if (option.Kind == JobOptionKind.Reads)
        {
            if (models.Loaded.FirstOrDefault(m => m.Card.Name == text) is { Folder: { } folder })
            {
                Folders.Add(Path.GetFullPath(folder));
                return Path.GetFullPath(folder);
            }
            if (text.StartsWith("file-", StringComparison.Ordinal))
                return Input(caller, text, work);
            if (text.StartsWith(JobStore.IdPrefix, StringComparison.Ordinal))
            {
                string[] parts = text.Split('/', 2);
                string other = jobFolder(caller, parts[0])
                    ?? throw new ApiError(404, $"there is no job {Quoted.Name(parts[0])}", param: option.Name,
                        code: "job_not_found");
                Folders.Add(other);
                return Inside(option.Name, other, parts.Length == 1 ? "." : parts[1]);
            }
        }
        return Inside(option.Name, work, text);
    }

    // The name of a file says what is in it: it keeps its ending.
    string Input(Caller caller, string text, string work)
    {
        StoredFile file = files.Find(caller, text);
        string ending = Path.GetExtension(file.FileName);
        string path = Path.Combine(work, "inputs", file.Id
            + (ending.Length <= 16 && ending.Skip(1).All(char.IsAsciiLetterOrDigit) ? ending : ""));
        Inputs[path] = files.PathOf(caller, file.Id);
        return path;
    }

    /// <summary>A path in a folder.</summary>
    /// <exception cref="ApiError">400: it leads out of it.</exception>
    internal static string Inside(string name, string folder, string text)
    {
        string path = Path.GetFullPath(Path.Combine(folder, text));
        return !Path.IsPathRooted(text) && !text.Contains('\0') && text.Length > 0 && IsIn(path, folder)
            ? path : throw ApiError.BadRequest($"\"{name}\" is {Quoted.Name(text)}; expected the name of "
                + "a model, the id of a file, or a path in the job's folder", name);
    }

    /// <summary>Whether a path is a folder or lies in it, whatever links say.</summary>
    internal static bool IsIn(string path, string folder)
    {
        string real = RealPath.Of(path), root = RealPath.Of(folder);
        return real == root || real.StartsWith(root + Path.DirectorySeparatorChar, StringComparison.Ordinal);
    }
}
