using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// The values that are given for the options of one method:
/// <c>new MethodSettings { ["Epochs"] = 3 }</c>. An option without a value has its default.
/// </summary>
public sealed class MethodSettings
{
    readonly Dictionary<string, double> _given = [];

    /// <summary>The value that is given for an option.</summary>
    /// <param name="name">The option's <see cref="MethodOption.Name"/>.</param>
    public double this[string name]
    {
        get => _given[name];
        init => _given[name] = value;
    }

    /// <summary>Names of the options that have a value here.</summary>
    public IReadOnlyCollection<string> Given => _given.Keys;

    /// <summary>The same values, and another one.</summary>
    public MethodSettings With(string name, double value)
    {
        var settings = new MethodSettings();
        foreach ((string other, double given) in _given)
            settings._given[other] = given;
        settings._given[name] = value;
        return settings;
    }

    /// <summary>Refuses options that the method does not read, and values outside of their range.</summary>
    /// <exception cref="UserException">There is one.</exception>
    public void Require(IDeclaredMethod method)
    {
        ArgumentNullException.ThrowIfNull(method);
        if (_given.Keys.FirstOrDefault(name => method.Options.All(o => o.Name != name)) is { } unread)
            throw NotRead(method, unread);
        foreach (MethodOption option in method.Options)
            if (_given.TryGetValue(option.Name, out double value))
                option.Checked(value);
    }

    /// <summary>The error of an option that a method does not read.</summary>
    public static UserException NotRead(IDeclaredMethod method, string option)
    {
        ArgumentNullException.ThrowIfNull(method);
        string[] read = [.. method.Options.Select(o => o.Name)];
        return new UserException($"{method.Name} does not read {option}; it reads "
            + (read.Length == 0 ? "no options" : string.Join(", ", read)), [option, .. read]);
    }

    /// <summary>The value of an option of whole numbers.</summary>
    /// <exception cref="UserException">The value is outside of the range.</exception>
    public int Whole(MethodOption option) => (int)Value(option);

    /// <summary>The value of an option of numbers.</summary>
    /// <exception cref="UserException">The value is outside of the range.</exception>
    public float Number(MethodOption option) => (float)Value(option);

    /// <summary>The value of an option that has one here.</summary>
    internal bool TryGet(string name, out double value) => _given.TryGetValue(name, out value);

    /// <summary>Whether an option has a value here.</summary>
    public bool Gives(MethodOption option)
    {
        ArgumentNullException.ThrowIfNull(option);
        return _given.ContainsKey(option.Name);
    }

    /// <summary>The given values by their names in JSON, in the order in which a method declares
    /// them.</summary>
    public JsonObject Json(IDeclaredMethod method)
    {
        ArgumentNullException.ThrowIfNull(method);
        var json = new JsonObject();
        foreach (MethodOption option in method.Options.Where(Gives))
            json[JsonNamingPolicy.SnakeCaseLower.ConvertName(option.Name)] =
                option.IsWhole ? JsonValue.Create(Whole(option)) : JsonValue.Create(Number(option));
        return json;
    }

    double Value(MethodOption option)
    {
        ArgumentNullException.ThrowIfNull(option);
        return _given.TryGetValue(option.Name, out double value) ? option.Checked(value) : option.Default
            ?? throw new InvalidOperationException($"{option.Name} has no value and no default.");
    }
}
