using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace HeadTap.ServeLoad;

/// <summary>Connections that ask for some time, of which a third go away in the middle of a reply.</summary>
static class Soak
{
    internal static async Task<int> Run(Client client, Options options)
    {
        int number = 0, whole = 0, left = 0, lost = 0;
        long start = Stopwatch.GetTimestamp();
        List<(double Minutes, double MiB)> memory = [];
        Task clients = Task.WhenAll(Enumerable.Range(0, options.Clients).Select(async c =>
        {
            var random = new Models.SeededRandom(3, (ulong)c);
            while (Stopwatch.GetElapsedTime(start).TotalSeconds < options.Seconds)
            {
                JsonObject body = client.Completion(Interlocked.Increment(ref number), 1 + random.Next(options.Tokens));
                bool leaves = random.Next(3) == 0;
                using var gone = new CancellationTokenSource();
                if (leaves)
                    gone.CancelAfter(random.Next(200));
                try
                {
                    if (random.Next(2) == 0)
                        await client.Stream(body, gone.Token);
                    else
                        await client.Post("/v1/completions", body, gone.Token);
                    Interlocked.Increment(ref whole);
                }
                catch (OperationCanceledException) when (gone.IsCancellationRequested)
                {
                    Interlocked.Increment(ref left);
                }
                catch (Exception e) when (e is HttpRequestException or InvalidOperationException or IOException)
                {
                    Interlocked.Increment(ref lost);
                    Console.Error.WriteLine(e.Message);
                }
            }
        }));
        while (!clients.IsCompleted)
        {
            await Task.WhenAny(clients, Task.Delay(TimeSpan.FromSeconds(Math.Max(1, options.Seconds / 10))));
            if (await Memory(client) is { } mib)
                memory.Add((Stopwatch.GetElapsedTime(start).TotalMinutes, mib));
        }
        await clients;
        Console.WriteLine($"{whole} answered, {left} left by their clients, {lost} lost, by {options.Clients} "
            + $"clients in {options.Seconds:0} s");
        Console.WriteLine("resident MiB by minute: " + string.Join(", ", memory.Select(m =>
            $"{m.Minutes:0.0}: {m.MiB:0}")));
        return lost == 0 ? 0 : 1;
    }

    static async Task<double?> Memory(Client client)
    {
        string metrics = await client.Get("/metrics");
        string? line = metrics.Split('\n').FirstOrDefault(
            l => l.StartsWith("process_resident_memory_bytes", StringComparison.Ordinal));
        return line is null ? null : double.Parse(line.Split(' ')[^1], CultureInfo.InvariantCulture) / (1 << 20);
    }
}
