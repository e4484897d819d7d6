using System.Text.Json.Serialization;
using HeadTap.Models;

namespace HeadTap.Lens;

/// <summary>The residual stream that a Jacobian lens reads.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<JacobianSite>))]
public enum JacobianSite
{
    /// <summary>
    /// The stream between attention and feed-forward. Every head of the layer adds to it, so one matrix reads
    /// all of them.
    /// </summary>
    [JsonStringEnumMemberName("resid_mid")]
    ResidMid,

    /// <summary>The stream out of the layer, as in the published lenses.</summary>
    [JsonStringEnumMemberName("resid_post")]
    ResidPost,
}

/// <summary>Facts about <see cref="JacobianSite"/>.</summary>
public static class JacobianSites
{
    /// <summary>Returns the site of a layer.</summary>
    public static Site At(this JacobianSite site, int layer)
        => site == JacobianSite.ResidMid ? Site.ResidMid(layer) : Site.ResidPost(layer);

    /// <summary>Returns the name of a site in options and files: resid_mid or resid_post.</summary>
    public static string Word(this JacobianSite site)
        => site == JacobianSite.ResidMid ? "resid_mid" : "resid_post";

    /// <summary>
    /// Returns the number of layers that are fitted, from layer 0: all at resid_mid, all but the last at
    /// resid_post, where the last stream is the target itself.
    /// </summary>
    public static int Layers(this JacobianSite site, ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return site == JacobianSite.ResidMid ? config.Layers : config.Layers - 1;
    }
}
