using System.Text.Json.Nodes;

namespace HeadTap.Serve;

/// <summary>
/// <c>GET /v1/headtap/capabilities</c>: facts on what works here, limits, and what a kind of access costs.
/// </summary>
/// <param name="workers">The models.</param>
public sealed class CapabilitiesEndpoint(ModelWorkers workers) : IEndpoint
{
    /// <inheritdoc/>
    public string Path => "/v1/headtap/capabilities";

    /// <inheritdoc/>
    public Right Right => Right.Reads;

    /// <inheritdoc/>
    public string Method => "GET";

    /// <inheritdoc/>
    public Task<Reply> Answer(EndpointRequest request) => Task.FromResult<Reply>(
        new JsonReply(200, new JsonObject
        {
            ["code_version"] = AccessAnswer.CodeVersion,
            ["models"] = new JsonArray([.. workers.Loaded.Select(w => (JsonNode)new JsonObject
            {
                ["model"] = w.Model.Name, ["weights_sha256"] = w.Model.Hash, ["device"] = w.Model.Device,
                ["precision"] = w.Model.Precision, ["context"] = w.Capacity, ["texts_at_once"] = w.Rows,
                ["tokens_of_a_pass"] = w.PassTokens, ["begin_of_text"] = w.Model.Begin,
                ["begins_texts"] = w.Model.ExpectsBegin,
                ["tokenizer"] = w.Model.Tokenizer is not null,
                ["lenses"] = new JsonArray([.. w.Model.LensFacts.Select(l => (JsonNode)l.ToJson())]),
            })]),
            ["reads"] = new JsonObject
            {
                ["works"] = true, ["reductions"] = new JsonArray("none", "last", "mean", "norm", "topk:K"),
                ["while_generating"] = false,
            },
            ["edits"] = new JsonObject
            {
                ["works"] = true, ["per_input"] = true, ["while_generating"] = true,
                ["not_while_generating"] = new JsonArray("hook_attn_scores", "hook_pattern"),
                ["not_here"] = new JsonArray("mean_of"),
            },
            ["gradients"] = new JsonObject
            {
                ["works"] = true, ["of"] = new JsonArray("loss", "logprob:A", "logit-diff:A,B"),
                ["at"] = "every site but the scales of LayerNorms, and parameters",
            },
            ["same_bits"] = new JsonObject
            {
                ["alone_and_in_a_batch"] = "on cpu", ["cached_and_computed_again"] = "on cpu",
                ["any_number_of_threads"] = true,
            },
            ["cost_factors"] = new JsonObject
            {
                ["unit"] = "tokens times layers", ["completion"] = 1, ["embedding"] = 1, ["read"] = 1,
                ["lens"] = 4, ["gradient"] = 3,
            },
            ["limits"] = new JsonObject
            {
                ["inputs"] = AccessRequest.MostInputs, ["prompts"] = CompletionRequest.MostPrompts,
            },
        }));
}
