using System.Diagnostics;
using System.Text.Json.Nodes;

namespace HeadTap.ServeLoad;

/// <summary>Passes with and without reads of all heads, alternating, at each number of clients.</summary>
static class Reads
{
    const int Rounds = 7;

    internal static async Task Run(Client client, Options options)
    {
        JsonObject Body(int number, bool reads) => new()
        {
            ["model"] = options.Model,
            ["inputs"] = new JsonArray([.. Enumerable.Range(0, 4).Select(i => new JsonObject
            {
                ["ids"] = new JsonArray([.. options.PromptIds(4 * number + i).Select(t => (JsonNode)t)]),
            })]),
            // The norm leaves little to send: the cost of reading, and not that of a large reply.
            ["reads"] = reads ? new JsonArray(new JsonObject
            {
                ["site"] = "blocks.*.attn.hook_z", ["reduce"] = "norm",
            }) : [],
            ["logits"] = true, ["encoding"] = "base64",
        };
        await client.Post("/v1/headtap/run", Body(-1, true));
        Console.WriteLine("| clients | requests/s without | with reads of all heads | with/without |");
        Console.WriteLine("|---|---|---|---|");
        foreach (int clients in options.Levels)
        {
            List<double>[] speeds = [[], []];
            int number = clients * 100_000;
            for (int round = 0; round < Rounds; round++)
                for (int reads = 0; reads < 2; reads++)
                {
                    int done = 0;
                    long start = Stopwatch.GetTimestamp();
                    await Task.WhenAll(Enumerable.Range(0, clients).Select(async _ =>
                    {
                        while (Stopwatch.GetElapsedTime(start).TotalSeconds < options.Seconds / Rounds / 2)
                        {
                            await client.Post("/v1/headtap/run",
                                Body(Interlocked.Increment(ref number), reads == 1));
                            Interlocked.Increment(ref done);
                        }
                    }));
                    speeds[reads].Add(done / Stopwatch.GetElapsedTime(start).TotalSeconds);
                }
            double without = Median(speeds[0]), with = Median(speeds[1]);
            Console.WriteLine($"| {clients} | {without:0.0} | {with:0.0} | {with / without:0.000} |");
        }
    }

    static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
