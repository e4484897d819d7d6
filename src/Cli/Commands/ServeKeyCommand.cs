using System.CommandLine;
using HeadTap.Serve;

namespace HeadTap.Cli;

/// <summary><c>serve key add</c>, <c>list</c> and <c>remove</c>: the file of keys.</summary>
static class ServeKeyCommand
{
    internal static Command Create(GlobalOptions global) => new("key", "Make, list and remove keys")
    {
        Add(global), List(global), Remove(global),
    };

    static Command Add(GlobalOptions global)
    {
        Argument<string> name = Name();
        Option<string> file = FileOption(PathUse.WritesFile);
        Option<string> rights = new("--rights")
        {
            Description = "what the key may do, with commas between: query, embeddings, reads, edits, jobs",
            HelpName = "R,R", DefaultValueFactory = _ => "query,embeddings",
        };
        Option<string> tier = new("--tier")
        {
            Description = "class of the key, by which the server orders requests", HelpName = "NAME",
            DefaultValueFactory = _ => Caller.StandardTier,
        };
        var command = new Command("add", "Make a key and print it, once; the file gets its hash")
        {
            name, file, rights, tier,
        };
        command.SetAction(parsed =>
        {
            Invocation run = global.Of(parsed);
            run.Line(KeyFile.Add(parsed.GetValue(file)!, parsed.GetValue(name)!,
                [.. KeyFile.ParseRights(parsed.GetValue(rights)!)], parsed.GetValue(tier)!));
            return ExitCode.Done;
        });
        return command;
    }

    static Command List(GlobalOptions global)
    {
        Option<string> file = FileOption(PathUse.Reads);
        var command = new Command("list", "List the keys of a file") { file };
        command.SetAction(parsed =>
        {
            Invocation run = global.Of(parsed);
            foreach (KeyEntry key in KeyFile.Read(parsed.GetValue(file)!))
                run.Line($"{key.Name}  {key.Tier}  "
                    + string.Join(',', key.Rights.Select(r => r.ToString().ToLowerInvariant())));
            return ExitCode.Done;
        });
        return command;
    }

    static Command Remove(GlobalOptions global)
    {
        Argument<string> name = Name();
        Option<string> file = FileOption(PathUse.WritesFile);
        var command = new Command("remove", "Remove a key; a running server hears of it within a second")
        {
            name, file,
        };
        command.SetAction(parsed =>
        {
            global.Of(parsed);
            KeyFile.Remove(parsed.GetValue(file)!, parsed.GetValue(name)!);
            return ExitCode.Done;
        });
        return command;
    }

    static Argument<string> Name() => new("name") { Description = "name of the key's owner" };

    static Option<string> FileOption(PathUse use) => new PathOption<string>("--file", use)
    {
        Description = "the file of keys", HelpName = "F", Required = true,
    };
}
