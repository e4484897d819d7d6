using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;

namespace HeadTap.Serve;

/// <summary>What decides the bits of replies beside the request: weights, program, arithmetic,
/// device.</summary>
static class Fingerprint
{
    static readonly ConditionalWeakTable<ResidentModel, string> s_known = [];

    /// <summary>The value of <c>system_fingerprint</c>.</summary>
    internal static string Of(ResidentModel model) => s_known.GetValue(model, m => "fp_"
        + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
            $"{m.Hash}\n{AccessAnswer.CodeVersion}\n{m.Precision}\n{m.Device}")))[..16]);
}
