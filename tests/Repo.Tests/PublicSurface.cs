using System.Reflection;

namespace HeadTap.Repo.Tests;

/// <summary>What an assembly offers to its users, one line for each type and member, sorted.</summary>
static class PublicSurface
{
    const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance
        | BindingFlags.Static | BindingFlags.DeclaredOnly;

    internal static IReadOnlyList<string> Of(Assembly assembly) =>
    [
        .. assembly.GetExportedTypes().OrderBy(t => t.FullName, StringComparer.Ordinal)
            .SelectMany(t => Members(t).Order(StringComparer.Ordinal).Distinct().Prepend(Declaration(t))),
    ];

    static string Declaration(Type type) => $"{Kind(type)} {Name(type)}";

    static string Kind(Type type) => type switch
    {
        { IsEnum: true } => "enum",
        { IsInterface: true } => "interface",
        { IsValueType: true } => "struct",
        _ when type.BaseType == typeof(MulticastDelegate) => "delegate",
        { IsAbstract: true, IsSealed: true } => "static class",
        { IsAbstract: true } => "abstract class",
        { IsSealed: true } => "sealed class",
        _ => "class",
    };

    static IEnumerable<string> Members(Type type)
    {
        if (type.IsEnum)
            return type.GetEnumNames().Select(n => "  " + n);
        if (type.BaseType == typeof(MulticastDelegate))
            return ["  " + Method(type.GetMethod("Invoke")!)];
        return type.GetMembers(Declared).Select(Member).OfType<string>().Select(m => "  " + m);
    }

    // Members that the compiler writes for every record say nothing about what its author offers.
    static readonly HashSet<string> s_generated =
    [
        "Equals", "GetHashCode", "ToString", "Deconstruct", "PrintMembers", "EqualityContract", "<Clone>$",
        "op_Equality", "op_Inequality",
    ];

    static string? Member(MemberInfo member) => s_generated.Contains(member.Name) ? null : member switch
    {
        ConstructorInfo c when Visible(c) && !IsCopy(c) => $"new({Parameters(c)})",
        MethodInfo m when Visible(m) && !m.IsSpecialName => Method(m),
        MethodInfo m when Visible(m) && m.Name.StartsWith("op_", StringComparison.Ordinal) => Method(m),
        PropertyInfo p when (p.GetMethod ?? p.SetMethod) is { } m && Visible(m) => $"{Static(m)}"
            + $"{Name(p.PropertyType)} {p.Name} {{ {Accessors(p)} }}",
        FieldInfo f when f.IsPublic || f.IsFamily => $"{(f.IsStatic ? "static " : "")}"
            + $"{Name(f.FieldType)} {f.Name}",
        EventInfo e => $"event {Name(e.EventHandlerType!)} {e.Name}",
        _ => null,
    };

    static bool Visible(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    static bool IsCopy(ConstructorInfo constructor) => constructor.GetParameters() is [var only]
        && only.ParameterType == constructor.DeclaringType;

    static string Accessors(PropertyInfo property) => string.Join(' ', new[]
    {
        property.GetMethod is { } get && Visible(get) ? "get;" : null,
        property.SetMethod is { } set && Visible(set)
            ? set.ReturnParameter.GetRequiredCustomModifiers().Length > 0 ? "init;" : "set;" : null,
    }.OfType<string>());

    static string Method(MethodInfo method)
        => $"{Static(method)}{Name(method.ReturnType)} {method.Name}{Generic(method)}({Parameters(method)})";

    static string Generic(MethodInfo method) => !method.IsGenericMethod ? ""
        : $"<{string.Join(", ", method.GetGenericArguments().Select(a => a.Name))}>";

    static string Static(MethodBase method) => method.IsStatic ? "static " : "";

    static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters()
        .Select(p => $"{Name(p.ParameterType)} {p.Name}{(p.IsOptional ? " = default" : "")}"));

    static string Name(Type type)
    {
        if (type.IsByRef)
            return "ref " + Name(type.GetElementType()!);
        if (type.IsArray)
            return Name(type.GetElementType()!) + "[]";
        if (type.IsPointer)
            return Name(type.GetElementType()!) + "*";
        if (type.IsGenericParameter)
            return type.Name;
        string name = (type.Namespace?.StartsWith("System", StringComparison.Ordinal) ?? true)
            || type.DeclaringType is not null ? Nested(type) : $"{type.Namespace}.{type.Name}";
        int tick = name.IndexOf('`', StringComparison.Ordinal);
        return tick < 0 ? name : $"{name[..tick]}<"
            + $"{string.Join(", ", type.GetGenericArguments().Select(Name))}>";
    }

    static string Nested(Type type)
        => type.DeclaringType is { } outer ? $"{Nested(outer)}.{type.Name}" : type.Name;
}
