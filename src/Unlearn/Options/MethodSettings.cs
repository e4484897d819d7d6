using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// Given values for the options of one method: <c>new MethodSettings { ["Epochs"] = 3 }</c>. An option
/// without a value has its default.
/// </summary>
public sealed class MethodSettings
{
    readonly Dictionary<string, double> _given = [];

    /// <summary>The given value of an option.</summary>
    /// <param name="name">Name of the option, as in <see cref="MethodOption.Name"/>.</param>
    public double this[string name]
    {
        get => _given[name];
        init => _given[name] = value;
    }

    /// <summary>Names of the options with a given value.</summary>
    public IReadOnlyCollection<string> Given => _given.Keys;

    /// <summary>Returns a copy with one more value.</summary>
    public MethodSettings With(string name, double value)
    {
        var settings = new MethodSettings();
        foreach ((string other, double given) in _given)
            settings._given[other] = given;
        settings._given[name] = value;
        return settings;
    }

    /// <summary>
    /// Checks that the method reads every given option, and that each value is in its range.
    /// </summary>
    /// <exception cref="UserException">The method does not read an option, or a value is outside its
    /// range.</exception>
    public void Require(IDeclaredMethod method)
    {
        ArgumentNullException.ThrowIfNull(method);
        if (_given.Keys.FirstOrDefault(name => method.Options.All(o => o.Name != name)) is { } unread)
            throw NotRead(method, unread);
        foreach (MethodOption option in method.Options)
            if (_given.TryGetValue(option.Name, out double value))
                option.Checked(value);
    }

    /// <summary>Makes the error for an option that a method does not read.</summary>
    public static UserException NotRead(IDeclaredMethod method, string option)
    {
        ArgumentNullException.ThrowIfNull(method);
        string[] read = [.. method.Options.Select(o => Field.Of(o.Name))];
        return new UserException($"{method.Name} does not read {Field.Of(option)}; it reads "
            + (read.Length == 0 ? "no options" : string.Join(", ", read)));
    }

    /// <summary>Returns the given or default value of an option of whole numbers.</summary>
    /// <exception cref="UserException">The value is outside the range.</exception>
    public int Whole(MethodOption option) => (int)Value(option);

    /// <summary>Returns the given or default value of an option of float32 numbers.</summary>
    /// <exception cref="UserException">The value is outside the range.</exception>
    public float Number(MethodOption option) => (float)Value(option);

    /// <summary>Gets the given value of an option; false without one.</summary>
    internal bool TryGet(string name, out double value) => _given.TryGetValue(name, out value);

    /// <summary>Returns whether an option has a given value.</summary>
    public bool Gives(MethodOption option)
    {
        ArgumentNullException.ThrowIfNull(option);
        return _given.ContainsKey(option.Name);
    }

    /// <summary>
    /// Returns the given values by their JSON names, in the order in which the method declares the options.
    /// </summary>
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
