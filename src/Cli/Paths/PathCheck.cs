using System.CommandLine;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>
/// Looks at the paths of a command line before its verb runs: none is empty, and no output is one of the
/// inputs. It knows the options by their type, so no verb can leave it out.
/// </summary>
static class PathCheck
{
    // What the verbs keep in their folders, besides the files of a model.
    static readonly HashSet<string> s_kept = new(
        [LensFolder.WeightsFile, LensFolder.FactsFile, WeightEdit.FileName, RunFolder.StartFile,
            RunFolder.ManifestFile, RunFolder.LockFile, RunFolder.CheckpointFile, RunFolder.MetricsFile,
            "cells.jsonl", "prompts.jsonl", "data.json", "train.jsonl", "clean.jsonl", "planted.jsonl",
            "held-out.jsonl"], RealPath.Comparer);

    /// <summary>Returns what is wrong with the paths, in one line; null if nothing is.</summary>
    internal static string? Wrong(ParseResult parsed)
    {
        Given[] all = [.. parsed.CommandResult.Command.Options.OfType<IPathOption>().SelectMany(option
            => option.Paths(parsed).Select(path => new Given(option, ((Option)option).Name, path)))];
        if (all.FirstOrDefault(g => string.IsNullOrWhiteSpace(g.Path)) is { } empty)
            return $"{empty.Name} is empty; expected a path";
        Given[] outputs = [.. all.Where(g => g.Option.Use != PathUse.Reads)];
        Given[] inputs = [.. all.Where(g => g.Option.Use == PathUse.Reads)];
        try
        {
            return outputs.Length == 0 ? null
                : Clash(outputs, inputs) ?? outputs.Select(Damaged).FirstOrDefault(line => line is not null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{Quoted.Path(outputs[0].Path)}: cannot be looked for ({Quoted.Line(e.Message)}); "
                + "expected a whole path, or a current folder that is there";
        }
    }

    static string? Clash(Given[] outputs, Given[] inputs)
    {
        var owners = new Dictionary<string, Given>(RealPath.Comparer);
        foreach (Given input in inputs)
            foreach (string path in Read(input))
                owners.TryAdd(path, input);
        HashSet<string> places = new(inputs.Select(i => RealPath.Of(i.Path)), RealPath.Comparer);
        var written = new Dictionary<string, Given>(RealPath.Comparer);
        foreach (Given output in outputs)
        {
            string place = RealPath.Of(output.Path);
            bool folder = output.Option.Use == PathUse.WritesFolder;
            // A folder in place of a file, or a file in place of a folder: the verb says so.
            string[] files = (folder ? File.Exists(place) : Directory.Exists(place)) ? []
                : !folder ? [place, Manifest.PathFor(place)]
                : places.Contains(place) ? [place]
                : [place, .. owners.Keys.Where(file => IsKept(file)
                    && RealPath.Comparer.Equals(Path.GetDirectoryName(file), place))];
            foreach (string file in files)
                if (owners.TryGetValue(file, out Given? owner))
                    return $"{Quoted.Path(output.Path)}: {output.Name} would write over what {owner.Name} "
                        + $"reads, {Quoted.Path(owner.Path)}; expected another place";
            if (!written.TryAdd(place, output))
                return $"{Quoted.Path(output.Path)}: {written[place].Name} and {output.Name} name one place; "
                    + "expected two";
            if (output.Option.Use == PathUse.WritesFile && IsKept(place)
                && owners.TryGetValue(Path.GetDirectoryName(place) ?? "", out Given? holder))
                return $"{Quoted.Path(output.Path)}: {output.Name} would write a file that belongs to the "
                    + $"folder of {holder.Name}; expected another name";
        }
        return null;
    }

    // A model that no option names, such as the shipped one.
    static string? Damaged(Given output)
    {
        string place = RealPath.Of(output.Path), folder = Path.GetDirectoryName(place) ?? "";
        return output.Option.Use == PathUse.WritesFile && ModelFolder.IsOwnFile(Path.GetFileName(place))
            && ModelFolder.IsThere(folder)
            ? $"{Quoted.Path(output.Path)}: {output.Name} would write a file that belongs to the model in "
                + "this folder; expected another name" : null;
    }

    // The places that an input is read from: its file, or its folder and the files that belong to it.
    static IEnumerable<string> Read(Given input)
    {
        string place = RealPath.Of(input.Path);
        yield return place;
        foreach (string path in input.Option.NamedIn(input.Path))
            yield return RealPath.Of(path);
        if (!Directory.Exists(place))
            yield break;
        string[] files;
        try
        {
            files = Directory.GetFiles(place);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            yield break; // the verb says why
        }
        foreach (string file in files.Where(IsKept))
            yield return RealPath.Of(file); // a link of a hub's cache leads to another folder
    }

    static bool IsKept(string path)
        => Path.GetFileName(path) is var name && (s_kept.Contains(name) || ModelFolder.IsOwnFile(name));

    sealed record Given(IPathOption Option, string Name, string Path);
}
