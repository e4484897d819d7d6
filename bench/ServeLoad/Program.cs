using HeadTap.ServeLoad;

// ServeLoad ADDRESS MODE [NAME=VALUE ...]: drives a running server and prints a table.
//   throughput  tokens per second at 1 to 32 clients, time to first token and between tokens
//   reads       completions of the same tokens with and without reads of all heads beside them
//   bits        mixed requests, each alone and together: how many replies differ in a byte
//   soak        clients of which a third go away at random: how many requests are lost
// ServeLoad MODEL-FOLDER overhead: a request over HTTP beside the same call in this process.
if (args.Length < 2)
{
    Console.Error.WriteLine("expected ADDRESS throughput|reads|bits|soak, or FOLDER overhead");
    return 2;
}
var options = Options.Parse(args[2..]);
using var client = args[1] == "overhead" ? null : new Client(args[0], options);
switch (args[1])
{
    case "throughput": await Throughput.Run(client!, options); return 0;
    case "reads": await Reads.Run(client!, options); return 0;
    case "bits": return await SameBits.Run(client!, options);
    case "soak": return await Soak.Run(client!, options);
    case "overhead": await Overhead.Run(args[0], options); return 0;
    default:
        Console.Error.WriteLine($"{args[1]} is no mode");
        return 2;
}
