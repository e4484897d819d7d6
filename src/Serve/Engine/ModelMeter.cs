
namespace HeadTap.Serve;

/// <summary>Carries what a model's thread does into the server's meters.</summary>
/// <param name="meters">The meters.</param>
/// <param name="model">The model's name, the only label.</param>
sealed class ModelMeter(ServerMeters meters, string model) : IServingMeter
{
    readonly KeyValuePair<string, object?> _model = ServerMeters.Model(model);

    public void State(int running, int waiting, double cacheUse)
    {
        meters.RequestsRunning.Record(running, _model);
        meters.RequestsWaiting.Record(waiting, _model);
        meters.KvCacheUsage.Record(cacheUse, _model);
    }

    public void Pass(int promptTokens, int continuingTokens)
    {
        meters.PromptTokens.Add(promptTokens, _model);
        meters.GenerationTokens.Add(continuingTokens, _model);
        meters.IterationTokens.Record(promptTokens + continuingTokens, _model);
    }

    public void Prefix(int queries, int hits)
    {
        meters.PrefixCacheQueries.Add(queries, _model);
        meters.PrefixCacheHits.Add(hits, _model);
    }

    public void FirstToken(double seconds)
    {
        meters.TimeToFirstToken.Record(seconds, _model);
        meters.GenerationTokens.Add(1, _model); // the prompt's pass gave it
    }

    public void NextToken(double seconds) => meters.InterTokenLatency.Record(seconds, _model);

    public void Finished(string reason, double queued, double prefill, double decode, int promptTokens,
        int newTokens)
    {
        meters.RequestSuccess.Add(1, _model, ServerMeters.FinishedReason(reason));
        meters.QueueTime.Record(queued, _model);
        meters.PrefillTime.Record(prefill, _model);
        meters.DecodeTime.Record(decode, _model);
        meters.InferenceTime.Record(prefill + decode, _model);
        meters.RequestLatency.Record(queued + prefill + decode, _model);
        meters.RequestPromptTokens.Record(promptTokens, _model);
        meters.RequestGenerationTokens.Record(newTokens, _model);
    }
}
