using System.CommandLine;
using System.Reflection;
using System.Text.Json.Nodes;
using HeadTap.Runtime;
using HeadTap.Serve;

namespace HeadTap.Cli;

/// <summary><c>serve</c>: models over HTTP; <c>serve key</c>: who may ask.</summary>
sealed class ServeCommand
{
    readonly Option<string[]> _model = new PathOption<string[]>("--model", PathUse.Reads)
    {
        Description = "a model's folder, perhaps with the name to ask for it; may be repeated",
        HelpName = "[NAME=]DIR", Required = true, PathIn = text => ServeJob.Split(text).Folder,
    };

    readonly Option<string[]> _lens = new PathOption<string[]>("--lens", PathUse.Reads)
    {
        Description = "a lens's folder with the name to ask for it; may be repeated",
        HelpName = "[MODEL:]NAME=DIR",
        PathIn = text => text[(text.IndexOf('=', StringComparison.Ordinal) + 1)..],
    };

    readonly Option<string> _listen = new("--listen")
    {
        Description = "address and port; one that other machines reach needs --keys",
        HelpName = "ADDRESS:PORT", DefaultValueFactory = _ => "127.0.0.1:8080",
    };

    readonly Option<int?> _port =
        GlobalOptions.OptionalNumber<int>("--port", "port in place of the address's; 0 takes any free one");

    readonly Option<string?> _ready = new PathOption<string?>("--ready-file", PathUse.WritesFile)
    {
        Description = "file that gets the address once the server listens", HelpName = "F",
    };

    readonly Option<string?> _keys = new PathOption<string?>("--keys", PathUse.Reads)
    {
        Description = "file of keys, as headtap serve key add makes it", HelpName = "F",
    };

    readonly Option<string?> _data = new PathOption<string?>("--data", PathUse.WritesFolder)
    {
        Description = "folder of files, batches and jobs; without it there are none", HelpName = "DIR",
    };

    readonly Option<string?> _audit = new PathOption<string?>("--audit", PathUse.WritesFile)
    {
        Description = "file that gets a JSON line for each request, without prompts", HelpName = "F",
    };

    readonly Option<bool> _logPrompts = new("--log-prompts")
    {
        Description = "write the bodies of requests into the audit log too",
    };

    readonly Option<int> _requests = GlobalOptions.Number(
        "--requests-per-minute", 0, "requests a minute for each key; 0 for no limit");

    readonly Option<int> _tokens = GlobalOptions.Number(
        "--tokens-per-minute", 0, "tokens a minute for each key; 0 for no limit");

    readonly Option<int> _connections =
        GlobalOptions.Number("--connections", 1024, "most connections at once; more are told 503");

    readonly Option<int> _body =
        GlobalOptions.Number("--max-body", 16, "longest body of a JSON request, in MiB");

    readonly Option<int> _grace = GlobalOptions.Number(
        "--grace", 20, "seconds that running requests may take to end when the server is told to stop");

    readonly Option<int> _jobs =
        GlobalOptions.Number("--jobs", 1, "jobs that run at once; 0 for a server without jobs");

    readonly Option<int> _texts =
        GlobalOptions.Number("--texts", 16, "texts that a model continues at once");

    readonly Option<int> _passTokens = GlobalOptions.Number(
        "--pass-tokens", 256, "tokens of a pass; a longer prompt is read in pieces");

    readonly Option<int> _queue =
        GlobalOptions.Number("--queue", 256, "requests that may wait for a model; more are told 429");

    readonly Option<int> _prefix = GlobalOptions.Number(
        "--prefix-mib", 256, "memory for beginnings of prompts that may come again, in MiB; 0 for none");

    internal static Command Create(GlobalOptions global) => new ServeCommand().Of(global);

    Command Of(GlobalOptions global)
    {
        var command = new Command("serve", "Serve models over HTTP, until it is told to stop")
        {
            _model, _lens, _listen, _port, _ready, _keys, _data, _audit, _logPrompts, _requests, _tokens,
            _connections, _body, _grace, _jobs, _texts, _passTokens, _queue, _prefix,
        };
        command.Subcommands.Add(ServeKeyCommand.Create(global));
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        int jobs = Bounded(parsed, _jobs, 0, 64);
        var options = new ServeOptions
        {
            Model = parsed.GetValue(_model)!,
            Lens = parsed.GetValue(_lens) ?? [],
            Listen = parsed.GetValue(_listen)!,
            Port = parsed.GetValue(_port),
            Sizes = new WorkerOptions
            {
                Rows = Bounded(parsed, _texts, 1, 1024),
                PassTokens = Bounded(parsed, _passTokens, 1, 65536),
                MostWaiting = Bounded(parsed, _queue, 1, 1_000_000),
                PrefixBytes = (long)Bounded(parsed, _prefix, 0, 1 << 20) << 20,
            },
            Server = new ServerOptions
            {
                ReadyFile = parsed.GetValue(_ready),
                KeysFile = parsed.GetValue(_keys),
                DataFolder = parsed.GetValue(_data),
                AuditFile = parsed.GetValue(_audit),
                LogPrompts = parsed.GetValue(_logPrompts),
                RequestsPerMinute = Bounded(parsed, _requests, 0, int.MaxValue),
                TokensPerMinute = Bounded(parsed, _tokens, 0, int.MaxValue),
                MaxConnections = Bounded(parsed, _connections, 1, 1_000_000),
                MaxBodyBytes = (long)Bounded(parsed, _body, 1, 1024) << 20,
                Grace = TimeSpan.FromSeconds(Bounded(parsed, _grace, 0, 3600)),
                JobProgram = jobs == 0 ? [] : Program(),
                JobsAtOnce = Math.Max(1, jobs),
            },
        };
        ServeJob.Run(options, run.Context, new JobVerbs(), address => run.Line(run.Json
            ? new JsonObject { ["address"] = Address(address) }.ToJsonString()
            : $"headtap serves at {Address(address)}")).GetAwaiter().GetResult();
        return ExitCode.Done;
    }

    static string Address(Uri address) => address.GetLeftPart(UriPartial.Authority);

    static int Bounded(ParseResult parsed, Option<int> option, int least, int most)
        => parsed.GetValue(option) is int value && value >= least && value <= most ? value
            : throw new UserException(
                $"{option.Name} is {parsed.GetValue(option)}; expected {least} to {most}");

    // This very program: one file when published, else dotnet and its assembly.
    static IReadOnlyList<string> Program()
    {
        string process = Environment.ProcessPath ?? "headtap";
        string assembly = Assembly.GetExecutingAssembly().Location;
        return Path.GetFileNameWithoutExtension(process) == "dotnet" && assembly.Length > 0
            ? [process, assembly] : [process];
    }
}
