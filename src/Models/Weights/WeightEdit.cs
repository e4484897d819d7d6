using System.Runtime.InteropServices;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// What an edit did to a model's weights: for each parameter, which elements differ, and the exclusive or of
/// their bits before and after. The same step makes the edited bits of the parent's and the parent's of the
/// edited ones; adding a difference back would not.
/// </summary>
public sealed class WeightEdit
{
    /// <summary>The file in a folder that <c>unlearn run</c> wrote.</summary>
    public const string FileName = "edit.safetensors";

    const string Format = "headtap-edit-1", At = ".at", Bits = ".bits", ConfigField = "config";

    readonly IReadOnlyList<Change> _changes;

    // At: the elements, ascending; empty where all of the parameter have bits.
    readonly record struct Change(string Parameter, int[] At, int[] Bits);

    // Values of the parent's config that are not as usual, a line each; the hashes cover them.
    readonly string _config;

    WeightEdit(string parent, string edited, string config, IReadOnlyList<Change> changes)
        => (Parent, Edited, _config, _changes) = (parent, edited, config, changes);

    /// <summary><see cref="WeightHash"/> of the weights before.</summary>
    public string Parent { get; }

    /// <summary><see cref="WeightHash"/> of the weights after.</summary>
    public string Edited { get; }

    /// <summary>Elements that differ.</summary>
    public long Elements => _changes.Sum(c => c.Bits.LongCount(b => b != 0));

    /// <summary>What makes the model's weights of earlier ones.</summary>
    /// <param name="before">All weights as they were.</param>
    /// <param name="parent">Their hash.</param>
    /// <param name="model">The model as it is.</param>
    public static WeightEdit Between(WeightSnapshot before, string parent, LanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(model);
        var changes = new List<Change>();
        foreach (ParameterSlice slice in model.Parameters.Slices)
        {
            ReadOnlySpan<int> was = MemoryMarshal.Cast<float, int>(before[slice.Name]);
            ReadOnlySpan<int> now = MemoryMarshal.Cast<float, int>(model.Set[slice.Name].ToArray());
            int[] bits = new int[was.Length];
            for (int i = 0; i < bits.Length; i++)
                bits[i] = was[i] ^ now[i];
            int[] at = [.. Enumerable.Range(0, bits.Length).Where(i => bits[i] != 0)];
            if (at.Length == 0)
                continue;
            // An index costs as much as the bits: past a half, all elements take less room.
            changes.Add(at.Length > bits.Length / 2 ? new(slice.Name, [], bits)
                : new(slice.Name, at, [.. at.Select(i => bits[i])]));
        }
        return new WeightEdit(parent, WeightHash.Of(model), ModelHash.Unusual(model.Config), changes);
    }

    /// <summary>Makes the edit, or takes it back, bit for bit.</summary>
    /// <param name="model">Edited in place; when this throws, not to be used.</param>
    /// <param name="name">How to call the model in a message.</param>
    /// <param name="undo">Whether to take it back.</param>
    /// <exception cref="UserException">The model's weights are not those it was made from, or the edit is
    /// damaged.</exception>
    public void Apply(LanguageModel model, string name, bool undo)
    {
        ArgumentNullException.ThrowIfNull(model);
        string from = undo ? Edited : Parent, to = undo ? Parent : Edited, found = WeightHash.Of(model);
        if (found != from && ModelHash.Of(WeightHash.OfNumbers(model), _config) == from)
            throw new UserException($"{Quoted.Path(name)}: its weights are those "
                + $"{(undo ? "that the edit made" : "the edit was made from")}, but its config.json differs: "
                + Quoted.Line(ModelHash.Differences(model.Config, _config))
                + "; expected the config of that model");
        if (found != from)
            throw new UserException($"{Quoted.Path(name)}: its weights ({found[..12]}) are not those "
                + $"{(undo ? "that the edit made" : "the edit was made from")} ({Short(from)}); "
                + $"expected {(undo ? "the edited model" : "the edit's parent")}");
        foreach (Change change in _changes)
        {
            Tensor weight = model.Set[change.Parameter];
            float[] values = weight.ToArray();
            Span<int> bits = MemoryMarshal.Cast<float, int>(values.AsSpan());
            bool all = change.At.Length == 0;
            for (int i = 0; i < change.Bits.Length; i++)
                if ((all ? i : change.At[i]) is var at && (uint)at < (uint)bits.Length)
                    bits[at] ^= change.Bits[i];
            weight.Upload(values);
        }
        if (WeightHash.Of(model) != to)
            throw new UserException("the edit is damaged: the weights it gives are not those it names "
                + $"({Short(to)})");
    }

    /// <summary>Writes the edit: 8 bytes an element, or 4 where most of a parameter changed.</summary>
    /// <exception cref="UserException">The place cannot be written.</exception>
    public void Save(string path)
    {
        var writer = new SafetensorsWriter();
        writer.Metadata["format"] = Format;
        writer.Metadata["parent"] = Parent;
        writer.Metadata["edited"] = Edited;
        if (_config.Length > 0)
            writer.Metadata[ConfigField] = _config;
        foreach (Change change in _changes)
        {
            if (change.At.Length > 0)
                writer.AddInts(change.Parameter + At, [change.At.Length], change.At);
            writer.AddInts(change.Parameter + Bits, [change.Bits.Length], change.Bits);
        }
        writer.Save(path);
    }

    /// <summary>Reads an edit; whether it fits a model is known when it is applied.</summary>
    /// <exception cref="UserException">There is none at that place, or it is damaged.</exception>
    public static WeightEdit Load(string path)
    {
        using SafetensorsReader reader = SafetensorsReader.Open(path);
        if (reader.Metadata.GetValueOrDefault("format") != Format
            || !reader.Metadata.TryGetValue("parent", out string? parent)
            || !reader.Metadata.TryGetValue("edited", out string? edited))
            throw new UserException($"{Quoted.Path(path)}: is no edit; expected an {FileName} that headtap "
                + "unlearn run wrote");
        var changes = new List<Change>();
        foreach (SafetensorsEntry entry in reader.Entries)
            if (entry.Name.EndsWith(Bits, StringComparison.Ordinal))
            {
                string parameter = entry.Name[..^Bits.Length];
                int[] bits = Ints(reader, entry);
                int[] at = reader.Contains(parameter + At) ? Ints(reader, reader.Find(parameter + At)) : [];
                if (at.Length != 0 && at.Length != bits.Length)
                    throw new UserException($"{Quoted.Path(path)}: damaged, {Quoted.Name(parameter)} has "
                        + $"{Counted.Of(at.Length, "place")} and {Counted.Of(bits.Length, "value")}");
                changes.Add(new Change(parameter, at, bits));
            }
        return new WeightEdit(parent, edited, reader.Metadata.GetValueOrDefault(ConfigField, ""), changes);
    }

    static int[] Ints(SafetensorsReader reader, SafetensorsEntry entry)
    {
        int[] values = new int[entry.Length];
        reader.ReadInts(entry.Name, values);
        return values;
    }

    // A hash from a file may be any text.
    static string Short(string hash) => Quoted.Line(hash.Length > 12 ? hash[..12] : hash);
}
