namespace HeadTap.Unlearn.Tests;

/// <summary>Values of many options, of which each method gets its own.</summary>
static class MethodValues
{
    /// <summary>The values of the options that a method declares.</summary>
    public static MethodSettings Of(this MethodSettings all, UnlearningMethod method)
        => method.Options.Aggregate(new MethodSettings(), (settings, option) =>
            all.TryGet(option.Name, out double value) ? settings.With(option.Name, value) : settings);
}
