using System.Diagnostics;
using System.Text.Json.Nodes;

namespace HeadTap.ServeLoad;

/// <summary>Tokens per second at some numbers of clients, each of which asks again when it is
/// answered.</summary>
static class Throughput
{
    internal static async Task Run(Client client, Options options)
    {
        await client.Post("/v1/completions", client.Completion(-1)); // warm
        Console.WriteLine(
            "| clients | tokens/s | of 1 client | first token ms (median, 99 %) | between ms |");
        Console.WriteLine("|---|---|---|---|---|");
        double one = 0;
        foreach (int clients in options.Levels)
        {
            int number = clients * 100_000, tokens = 0;
            List<double> firsts = [], between = [];
            long start = Stopwatch.GetTimestamp();
            await Task.WhenAll(Enumerable.Range(0, clients).Select(async _ =>
            {
                while (Stopwatch.GetElapsedTime(start).TotalSeconds < options.Seconds)
                {
                    JsonObject body = client.Completion(Interlocked.Increment(ref number));
                    Streamed done = await client.Stream(body);
                    Interlocked.Add(ref tokens, options.Tokens);
                    lock (firsts)
                    {
                        firsts.Add(done.First);
                        between.AddRange(done.Between);
                    }
                }
            }));
            double speed = tokens / Stopwatch.GetElapsedTime(start).TotalSeconds;
            one = one == 0 ? speed : one;
            Console.WriteLine($"| {clients} | {speed:0.0} | {speed / one:0.00} | {Of(firsts, 0.5)}, "
                + $"{Of(firsts, 0.99)} | {Of(between, 0.5)}, {Of(between, 0.99)} |");
        }
    }

    /// <summary>A quantile in milliseconds.</summary>
    internal static string Of(List<double> seconds, double share)
    {
        if (seconds.Count == 0)
            return "-";
        double[] sorted = [.. seconds.Order()];
        return $"{1000 * sorted[(int)Math.Min(sorted.Length - 1, share * sorted.Length)]:0.0}";
    }
}
