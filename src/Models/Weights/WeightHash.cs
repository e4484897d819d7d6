using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace HeadTap.Models;

/// <summary>
/// What names a state of a model's weights: SHA-256 over every parameter in checkpoint order, its name and
/// shape and its float32 bits, and over values of the config that change what is computed from them, where
/// they are not as usual. Unlike a hash of files it is the same however the weights were stored.
/// </summary>
public static class WeightHash
{
    /// <summary>The hash, in small hexadecimal letters.</summary>
    public static string Of(LanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return ModelHash.Of(OfNumbers(model), model.Config);
    }

    /// <summary>The hash of the weights alone, whatever the config says.</summary>
    internal static string OfNumbers(LanguageModel model)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (ParameterSlice slice in model.Parameters.Slices)
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{slice}\n"));
            hash.AppendData(MemoryMarshal.AsBytes(model.Set[slice.Name].ToArray().AsSpan()));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
