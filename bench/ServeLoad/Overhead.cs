using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using HeadTap.Jobs;
using HeadTap.Models;
using HeadTap.Serve;

namespace HeadTap.ServeLoad;

/// <summary>A request over HTTP beside the same call in this process, alternating.</summary>
static class Overhead
{
    const int Calls = 400;

    internal static async Task Run(string folder, Options options)
    {
        var context = new JobContext { DeviceName = "cpu" };
        await using ModelServer server = await ModelServer.Start(
            new ServerOptions { Listen = new IPEndPoint(IPAddress.Loopback, 0) },
            [new NamedFolder(options.Model, folder)], new WorkerOptions(), context);
        await server.Loading;
        using ResidentModel model = ResidentModel.Open(context, folder, options.Model);
        using var worker = new ModelWorker(model, new WorkerOptions());
        using var client = new Client(server.Address.ToString(), options);
        List<double> http = [], inside = [];
        for (int i = -50; i < Calls; i++)
        {
            JsonObject body = client.Completion(i, 1);
            long start = Stopwatch.GetTimestamp();
            await client.Post("/v1/completions", body);
            double over = Stopwatch.GetElapsedTime(start).TotalSeconds;
            start = Stopwatch.GetTimestamp();
            await worker.Generate(new TextSequence
            {
                Prompt = options.PromptIds(i), MaxTokens = 1, Sampling = new SamplingOptions(Greedy: true),
            }, new WorkTicket("bench"));
            double own = Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (i >= 0)
            {
                http.Add(over);
                inside.Add(own);
            }
        }
        List<double> differences = [.. http.Zip(inside).Select(p => p.First - p.Second)];
        Console.WriteLine($"over HTTP {Throughput.Of(http, 0.5)} ms, in the process "
            + $"{Throughput.Of(inside, 0.5)} ms, difference {Throughput.Of(differences, 0.5)} ms (medians of "
            + $"{Calls}, a prompt of {options.Prompt} tokens and one new)");
    }
}
