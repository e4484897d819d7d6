using System.Diagnostics.Metrics;

namespace HeadTap.Serve;

/// <summary>
/// The server's counters, gauges and histograms, under the names that vLLM gives them with
/// <c>headtap_</c> before. Every measurement of a model has the label <c>model_name</c>, see
/// <see cref="Model"/>. Never put a key, a user's name or a prompt in a label. Safe for any thread.
/// </summary>
/// <remarks>Times are seconds of one monotonic clock (<see cref="System.Diagnostics.Stopwatch"/>).</remarks>
public sealed class ServerMeters : IDisposable
{
    static readonly double[] s_firstToken =
        [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80];

    static readonly double[] s_betweenTokens =
        [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5];

    static readonly double[] s_seconds =
        [0.01, 0.05, 0.1, 0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480];

    static readonly double[] s_tokens = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

    static readonly double[] s_iteration = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192];

    static readonly double[] s_choices = [1, 2, 5, 10, 20, 50, 100, 128];

    readonly Meter _meter = new("HeadTap.Serve");

    /// <summary>Meters that start at zero.</summary>
    public ServerMeters()
    {
        // Each is made after the exporter listens.
        Exporter = new PrometheusText(_meter);
        RequestsRunning = Gauge<long>("num_requests_running", "Requests in model execution.");
        RequestsWaiting = Gauge<long>("num_requests_waiting", "Requests waiting to be processed.");
        KvCacheUsage =
            Gauge<double>("kv_cache_usage_perc", "Share of the key and value cache in use, 0 to 1.");
        PromptTokens = Counter("prompt_tokens", "Prompt tokens processed.");
        GenerationTokens = Counter("generation_tokens", "Tokens generated.");
        RequestSuccess = Counter("request_success", "Requests that ended, by finished_reason.");
        PrefixCacheQueries = Counter("prefix_cache_queries", "Tokens looked for in the prefix cache.");
        PrefixCacheHits = Counter("prefix_cache_hits", "Tokens found in the prefix cache.");
        Preemptions = Counter("num_preemptions", "Requests put back in the queue.");
        TimeToFirstToken = Histogram("time_to_first_token_seconds", "Time to the first token.", s_firstToken);
        InterTokenLatency =
            Histogram("inter_token_latency_seconds", "Time between two tokens.", s_betweenTokens);
        RequestLatency = Histogram("e2e_request_latency_seconds", "Time of a whole request.", s_seconds);
        QueueTime = Histogram("request_queue_time_seconds", "Time in the queue.", s_seconds);
        PrefillTime = Histogram("request_prefill_time_seconds", "Time of the prompt's pass.", s_seconds);
        DecodeTime = Histogram("request_decode_time_seconds", "Time from first to last token.", s_seconds);
        InferenceTime =
            Histogram("request_inference_time_seconds", "Time in the model, both phases.", s_seconds);
        RequestPromptTokens = Histogram("request_prompt_tokens", "Prompt tokens of a request.", s_tokens);
        RequestGenerationTokens =
            Histogram("request_generation_tokens", "Tokens generated for a request.", s_tokens);
        IterationTokens = Histogram("iteration_tokens_total", "Tokens of one engine step.", s_iteration);
        ParamsN = Histogram("request_params_n", "The parameter n of requests.", s_choices);
        ParamsMaxTokens =
            Histogram("request_params_max_tokens", "The parameter max_tokens of requests.", s_tokens);
        HttpRequests = Counter("http_requests", "Requests by handler, method and status class.");
        HttpDuration = Histogram(
            "http_request_duration_seconds", "Time of a request, by handler and method.", s_seconds);
        KeyRequests = Counter("http_requests_by_key", "Requests by the hash of the key's name.");
        Connections = Gauge<long>("http_connections", "Connections that are open.");
        Refused = Counter("http_connections_refused", "Connections refused because there were too many.");
    }

    /// <summary>Gauge: requests in model execution.</summary>
    public Gauge<long> RequestsRunning { get; }

    /// <summary>Gauge: requests in the queue.</summary>
    public Gauge<long> RequestsWaiting { get; }

    /// <summary>Gauge: share of the key and value cache in use, 0 to 1.</summary>
    public Gauge<double> KvCacheUsage { get; }

    /// <summary>Counter: prompt tokens.</summary>
    public Counter<long> PromptTokens { get; }

    /// <summary>Counter: generated tokens.</summary>
    public Counter<long> GenerationTokens { get; }

    /// <summary>Counter: requests that ended; has the label <c>finished_reason</c> too.</summary>
    public Counter<long> RequestSuccess { get; }

    /// <summary>Counter: tokens looked for in the prefix cache.</summary>
    public Counter<long> PrefixCacheQueries { get; }

    /// <summary>Counter: tokens found in the prefix cache.</summary>
    public Counter<long> PrefixCacheHits { get; }

    /// <summary>Counter: requests put back in the queue.</summary>
    public Counter<long> Preemptions { get; }

    /// <summary>Histogram: seconds to the first token.</summary>
    public Histogram<double> TimeToFirstToken { get; }

    /// <summary>Histogram: seconds between two tokens.</summary>
    public Histogram<double> InterTokenLatency { get; }

    /// <summary>Histogram: seconds of a whole request.</summary>
    public Histogram<double> RequestLatency { get; }

    /// <summary>Histogram: seconds in the queue.</summary>
    public Histogram<double> QueueTime { get; }

    /// <summary>Histogram: seconds of the prompt's pass.</summary>
    public Histogram<double> PrefillTime { get; }

    /// <summary>Histogram: seconds from the first to the last token.</summary>
    public Histogram<double> DecodeTime { get; }

    /// <summary>Histogram: seconds in the model.</summary>
    public Histogram<double> InferenceTime { get; }

    /// <summary>Histogram: prompt tokens of a request.</summary>
    public Histogram<double> RequestPromptTokens { get; }

    /// <summary>Histogram: tokens generated for a request.</summary>
    public Histogram<double> RequestGenerationTokens { get; }

    /// <summary>Histogram: tokens of one engine step.</summary>
    public Histogram<double> IterationTokens { get; }

    /// <summary>Histogram: the parameter n.</summary>
    public Histogram<double> ParamsN { get; }

    /// <summary>Histogram: the parameter max_tokens.</summary>
    public Histogram<double> ParamsMaxTokens { get; }

    internal Counter<long> HttpRequests { get; }

    internal Histogram<double> HttpDuration { get; }

    internal Counter<long> KeyRequests { get; }

    internal Gauge<long> Connections { get; }

    internal Counter<long> Refused { get; }

    internal PrometheusText Exporter { get; }

    /// <summary>The label of a model.</summary>
    public static KeyValuePair<string, object?> Model(string name) => new("model_name", name);

    /// <summary>The label <c>finished_reason</c> of <see cref="RequestSuccess"/>.</summary>
    /// <param name="reason"><c>stop</c>, <c>length</c> or <c>abort</c>.</param>
    public static KeyValuePair<string, object?> FinishedReason(string reason)
        => new("finished_reason", reason);

    /// <summary>All measurements in Prometheus' text format 0.0.4.</summary>
    public string ToText() => Exporter.ToString();

    /// <summary>Stops listening.</summary>
    public void Dispose()
    {
        Exporter.Dispose();
        _meter.Dispose();
    }

    Gauge<T> Gauge<T>(string name, string help)
        where T : struct => _meter.CreateGauge<T>("headtap_" + name, null, help);

    Counter<long> Counter(string name, string help)
        => _meter.CreateCounter<long>($"headtap_{name}_total", null, help);

    Histogram<double> Histogram(string name, string help, double[] bounds) => _meter.CreateHistogram(
        "headtap_" + name, null, help, null,
        new InstrumentAdvice<double> { HistogramBucketBoundaries = bounds });
}
