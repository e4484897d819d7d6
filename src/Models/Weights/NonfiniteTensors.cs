using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Reads a model's tensors and notes which hold NaN or infinity.</summary>
sealed class NonfiniteTensors(SafetensorsShards shards)
{
    readonly List<string> _names = [];

    /// <summary>Reads part of a tensor.</summary>
    internal void Read(string name, long start, Span<float> destination)
    {
        shards.Read(name, start, destination);
        if (!FiniteNumbers.All(destination) && !_names.Contains(name))
            _names.Add(name);
    }

    /// <summary>Refuses such numbers, or tells them in one line.</summary>
    /// <param name="told">Takes the line; null refuses.</param>
    /// <exception cref="UserException">There are such numbers, and nobody is told.</exception>
    internal void Require(Action<string>? told)
    {
        if (_names.Count == 0)
            return;
        string line = shards.NonFinite(_names[0])
            + (_names.Count == 1 ? "" : $", nor are some of {_names.Count - 1} more tensors");
        if (told is null)
            throw new UserException($"{line}. Fetch or train the model again; trace and verify read it with "
                + $"{Field.Of("AllowNonfinite")}.");
        told(line);
    }
}
